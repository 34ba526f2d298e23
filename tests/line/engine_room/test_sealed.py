from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from builders import frame
from line.engine_room.rooms import FAR_NS, rig, sealed
from lineproof.core import Decision
from lineproof.errors import BundleError
from lineproof.line.engine_room.events import Decides, Done, GivenUp, Job, Ready
from tiny_bundle import part, tiny_bundle


def test_a_sealed_engine_finds_the_same_through_the_room(tmp_path):
    """It reads straight from memory that it cannot write."""
    path = tiny_bundle(tmp_path / "tiny.lpb", "segment").path
    here = sealed(path)[0]
    pictures = [
        frame("good", image=part()),
        frame("bad", image=part((1, 2, (255, 255, 0)))),
        frame("wide", image=np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)),
    ]
    with rig(partial(sealed, path), wait=False) as made:
        assert made.next(Ready).recipes == {0: Decides(here.provenance, here.engine.classes)}
        for given in pictures:
            assert made.room.submit(Job("a", 1, given, FAR_NS))
            found, expected = made.next(Done).inspection, here.inspect(given)
            assert found.verdict == expected.verdict
            for column in ("xyxy", "score", "class_id"):
                np.testing.assert_array_equal(
                    getattr(found.detections, column), getattr(expected.detections, column), column
                )
            assert [mask.area_px for mask in found.detections.masks] == [
                mask.area_px for mask in expected.detections.masks
            ]
        assert found.decision is not Decision.FAULT


def test_a_bundle_that_was_changed_is_never_ready(tmp_path):
    path = tiny_bundle(tmp_path / "tiny.lpb").path
    (path / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError) as told:
        sealed(path)
    with rig(partial(sealed, path), wait=False) as made:
        assert made.next(GivenUp).text == str(told.value)
