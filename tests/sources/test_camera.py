from __future__ import annotations

import sys

import numpy as np
import pytest

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.camera import check_present
from lineproof.sources.handle import as_bgr
from lineproof.sources.open import open_source
from lineproof.sources.settings import CameraSettings


def test_an_absent_camera_names_those_that_are_there(tmp_path):
    for name in ("video0", "video10", "video2", "videodev", "null"):
        (tmp_path / name).touch()
    with pytest.raises(SourceLost, match="no camera at index 7; found: 0, 2, 10"):
        check_present(7, tmp_path)
    check_present(10, tmp_path)


def test_no_camera_at_all(tmp_path):
    with pytest.raises(SourceLost, match=r"no camera at index 0; .*/video\*: none") as caught:
        check_present(0, tmp_path)
    assert caught.value.exit_code == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files are a matter of Linux")
def test_a_camera_that_is_not_there_fails_at_start_in_one_line(capfd):
    with pytest.raises(SourceLost, match="no camera at index 97"):
        open_source(CameraSettings(kind="camera", index=97))
    assert capfd.readouterr().err == ""


def test_mono_is_expanded_once():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for mono in (grey, grey[..., None]):
        assert (as_bgr(mono, "cam") == np.dstack([grey] * 3)).all()


@pytest.mark.parametrize("pixels", [np.zeros((3, 4), np.uint16), np.zeros((3, 4, 2), np.uint8)])
def test_other_pixels_are_refused(pixels):
    with pytest.raises(ImageError, match="cam: delivers"):
        as_bgr(pixels, "cam")
