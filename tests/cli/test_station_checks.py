"""What is looked for on a station's frame before it is judged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from builders import frame, image
from lineproof.cli.station_checks import check_of
from lineproof.errors import SettingsError
from lineproof.line.conduct.eye import Checked
from lineproof.linefile import StationSection
from lineproof.settings import parse_settings


def station(**more: object) -> StationSection:
    cameras = [{"kind": "folder", "path": "x", "view": view} for view in ("top", "side")]
    return parse_settings({"trigger": "free_run", "cameras": cameras, **more}, StationSection, "test")


def coded(text: str) -> np.ndarray:
    """A picture with a QR code on it."""
    code = cv2.QRCodeEncoder.create().encode(text)
    picture = np.full((300, 300, 3), 255, np.uint8)
    large = cv2.resize(code, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    picture[40 : 40 + large.shape[0], 40 : 40 + large.shape[1]] = large[..., None] if large.ndim == 2 else large
    return picture


def test_without_settings_nothing_is_looked_for():
    assert check_of(station(), "top")(frame()) == Checked()


def test_light_is_checked_by_view():
    settings = station(quality={"side": {"mean": [80, 120]}})
    assert check_of(settings, "top")(frame(image=image(grey=3))) == Checked()
    assert "too dark" in check_of(settings, "side")(frame(image=image(grey=3))).why


def test_the_code_is_read_on_the_first_view():
    settings = station(code={"pattern": "A-[0-9]+"})
    assert check_of(settings, "top")(frame(image=coded("A-17"))) == Checked(part_id="A-17")
    assert check_of(settings, "top")(frame(image=image(300, 300))).why == "no code can be read on the part"
    assert check_of(settings, "side")(frame(image=image(300, 300))) == Checked()


def test_a_dark_picture_is_not_searched_for_a_code():
    settings = station(code={}, quality={"top": {"mean": [80, 120]}})
    assert "too dark" in check_of(settings, "top")(frame(image=image(300, 300, 3))).why


def test_limits_for_a_view_that_is_not_there_are_refused():
    with pytest.raises(SettingsError, match="no camera has this view; there are top, side"):
        station(quality={"bottom": {}})
