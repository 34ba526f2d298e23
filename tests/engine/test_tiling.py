from __future__ import annotations

import json

import numpy as np
import pytest

from lineproof.bundle.manifest import Manifest, parse_manifest
from lineproof.bundle.open import open_bundle
from lineproof.bundle.seal import seal
from lineproof.bundle.tiles import TilesSpec, tiles_suit
from lineproof.core.tiles import Tiling
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.engine.spec import EngineSpec
from lineproof.errors import BundleError, EngineError
from tiny_bundle import CELL, SIZE, part, tiny_bundle, tiny_engine, tiny_manifest, tiny_model, tiny_spec

RED = (0, 0, 255)
TILES = Tiling((SIZE, SIZE), (CELL, CELL))  # the tiny model's cells fall on the same pixels in every tile
SPEC = TilesSpec.of(TILES)


def frame(*spots: tuple[int, int], wh: tuple[int, int] = (208, 112)) -> np.ndarray:
    """A black frame of 4 × 2 tiles with red 16 px squares."""
    image = np.zeros((wh[1], wh[0], 3), np.uint8)
    for x, y in spots:
        image[y : y + CELL, x : x + CELL] = RED
    return image


def engine(*, max_batch: int = 1, **changes: object) -> OnnxEngine:
    spec = tiny_spec(tiles=TILES, **changes)
    return OnnxEngine.from_model(tiny_model(spec.task), spec, "cpu", threads=1, max_batch=max_batch)


@pytest.mark.parametrize("max_batch", [1, 3, 8])
def test_what_lies_on_any_tile_is_found_in_frame_pixels(max_batch: int):
    found, times = engine(max_batch=max_batch).detect(frame((16, 16), (112, 80), (192, 32)))
    assert sorted(found.xyxy.tolist()) == [[16, 16, 32, 32], [112, 80, 128, 96], [192, 32, 208, 48]]
    assert times.infer > 0


def test_as_many_tiles_as_the_session_allows_are_one_run():
    tiled = engine(max_batch=3)
    sizes: list[int] = []
    run = tiled._session.run

    def counting(images):
        sizes.append(len(images))
        return run(images)

    tiled._session.run = counting
    tiled.detect(frame())
    assert sizes == [3, 3, 2]


def test_what_two_tiles_see_is_found_once():
    found, _ = engine().detect(frame((48, 16)))
    assert found.xyxy.tolist() == [[48, 16, 64, 32]]


def test_masks_come_back_in_frame_pixels():
    image = frame((112, 80))
    image[80:96, 112:128, 1] = 255  # green: the mask
    found, _ = engine(task="segment").detect(image)
    (mask,) = found.masks
    assert (mask.x, mask.y, mask.bitmap.shape) == (112, 80, (16, 16))


def test_a_frame_no_larger_than_a_tile_is_seen_as_without_tiles():
    image = part((1, 2, RED), (3, 0, RED))
    tiled, whole = engine().detect(image)[0], tiny_engine().detect(image)[0]
    np.testing.assert_array_equal(tiled.xyxy, whole.xyxy)
    np.testing.assert_array_equal(tiled.score, whole.score)


def test_several_frames_each_have_their_own_answer():
    frames = [frame((16, 16)), frame(), frame((112, 80), (64, 0))]
    counts = [len(found) for found, _ in engine(max_batch=4).detect_many(frames)]
    assert counts == [1, 0, 2]


def test_too_many_tiles_are_an_error_of_the_frame_with_a_remedy():
    with pytest.raises(EngineError, match=r"a frame of 3000×3000 would be 3969 tiles of 64×64.*larger tiles"):
        engine().detect(np.zeros((3000, 3000, 3), np.uint8))


def test_detections_that_could_reject_are_never_cut_off():
    image = frame((0, 0), (32, 32), (112, 80), (160, 0))
    assert len(engine(max_detections=4, decisive_score=0.9).detect(image)[0]) == 4
    with pytest.raises(EngineError, match=r"more than 3 detections.*on the tiles of one frame"):
        engine(max_detections=3, decisive_score=0.9).detect(image)
    assert len(engine(max_detections=3, decisive_score=1.1).detect(image)[0]) == 3


def test_the_tiling_travels_in_the_bundle(tmp_path):
    seal(tmp_path / "b", tiny_manifest(tiles=SPEC), tiny_model())
    bundle = open_bundle(tmp_path / "b")
    assert bundle.manifest.tiles == SPEC
    assert EngineSpec.of(bundle.manifest).tiles == TILES
    found, _ = OnnxEngine.open(bundle, "cpu", threads=1, max_batch=8).detect(frame((112, 80)))
    assert found.xyxy.tolist() == [[112, 80, 128, 96]]


def test_probes_replay_through_tiles(tmp_path):
    bundle = tiny_bundle(tmp_path / "b", tiles=SPEC)
    assert replay_probes(OnnxEngine.open(bundle, "cpu", threads=1), bundle).probes == 3


def test_a_bundle_without_tiles_is_read_as_before():
    content = tiny_manifest().model_dump(mode="json")
    del content["tiles"]
    assert Manifest.model_validate(content).tiles is None


@pytest.mark.parametrize(
    ("tiles", "words"),
    [
        ({"slice_width": 64, "slice_height": 64, "overlap_width": 64, "overlap_height": 0}, "cannot overlap by 64 px"),
        ({"slice_width": 8, "slice_height": 64, "overlap_width": 0, "overlap_height": 0}, "32"),
        ({"slice_width": 64, "slice_height": 64, "overlap_width": 0, "overlap_height": 0, "join": 0}, "greater than 0"),
    ],
)
def test_a_manifest_with_impossible_tiles_is_refused(tmp_path, tiles, words):
    content = tiny_manifest().model_dump(mode="json") | {"tiles": tiles}
    with pytest.raises(BundleError, match=words):
        parse_manifest(json.dumps(content).encode(), "b")


def test_decoding_smaller_and_tiles_exclude_each_other():
    row = {"reduction": 2, "images": 50, "decision_flips": 0, "allowed": True}
    with pytest.raises(ValueError, match="reduced_decoding: not with tiles"):
        tiny_manifest(tiles=SPEC, reduced_decoding=(row,))


def test_only_answers_made_of_boxes_can_be_put_together_from_tiles():
    assert tiles_suit("detect")
    assert tiles_suit("segment")
    assert not tiles_suit("classify")
