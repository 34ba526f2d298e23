from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from drawn_dataset import dataset, sample, save, texture
from lineproof.cli.data import app
from lineproof.data.sizing import (
    CELL_PX,
    LARGEST_WHOLE,
    WANTED_PX,
    DefectSizes,
    Speed,
    advise,
    defect_sizes,
    fit_speed,
)
from lineproof.data.sizing_words import sizing_dict, sizing_text
from lineproof.errors import DatasetError

SPEED = Speed(2.0, 30 / 640**2, ((640, 32.0),))  # 32 ms at 640×640


def sizes(narrow: float, frame_wh=(640, 480), long: float = 40.0, count: int = 100) -> DefectSizes:
    return DefectSizes(np.full(count, narrow), np.full(count, long), np.tile(np.array(frame_wh), (count, 1)), frame_wh)


def test_the_smallest_size_is_chosen_on_which_narrow_defects_are_wide_enough():
    advice = advise(sizes(20))
    assert advice.chosen.imgsz == 384  # 12 px of 20 at 640
    assert advice.chosen.tiling is None
    assert advice.chosen.narrow_px == pytest.approx(WANTED_PX)
    assert advise(sizes(100)).chosen.imgsz == 160


def test_the_narrowest_five_percent_decide():
    mixed = sizes(40)
    mixed.narrow_px[:3] = 1
    assert advise(mixed).chosen.imgsz == advise(sizes(40)).chosen.imgsz
    mixed.narrow_px[:8] = 6
    assert advise(mixed).chosen.imgsz == 1280


def test_frames_too_large_for_one_input_are_cut_into_tiles():
    advice = advise(sizes(8, (4096, 3000)))
    assert not advice.whole.fine
    assert advice.whole.imgsz == LARGEST_WHOLE
    assert advice.chosen is advice.tiled
    tiling = advice.chosen.tiling
    assert advice.chosen.narrow_px >= WANTED_PX - 0.01
    assert tiling.slice_wh[0] <= advice.chosen.imgsz * 8 / 12
    assert tiling.overlap_wh[0] >= 40  # defects of this length are whole on some tile
    assert advice.chosen.tiles == len(tiling.grid((4096, 3000)))
    assert "tiles: {slice:" in sizing_text(advice, None)
    assert "save no work" in sizing_text(advice, None)


def test_a_budget_is_held_or_what_it_affords_is_named():
    roomy = advise(sizes(8, (4096, 3000)), SPEED, 100_000)
    assert roomy.holds
    assert roomy.affordable is None
    lean = advise(sizes(20), SPEED, 10)
    assert (lean.chosen.imgsz, lean.chosen.narrow_px) == (256, pytest.approx(CELL_PX))  # one cell in place of 1.5
    assert lean.holds
    tight = advise(sizes(20), SPEED, 5)
    assert not tight.holds
    assert tight.affordable.ms <= 5
    assert tight.affordable.imgsz < tight.chosen.imgsz
    bigger = tight.affordable.imgsz + 32
    assert SPEED.ms((bigger, -(-bigger * 3 // 4 // 32) * 32)) > 5
    words = sizing_text(tight, SPEED)
    assert "nothing that is fine enough keeps 5 ms" in words
    assert f"within 5 ms: imgsz: {tight.affordable.imgsz}" in words
    assert json.loads(json.dumps(sizing_dict(tight, SPEED)))["within_budget"] is False


def test_tiles_cost_at_least_what_the_whole_frame_costs_at_the_same_magnification():
    advice = advise(sizes(10, (1000, 750)), Speed(0.0, 1e-4, ((320, 10.0),)))
    assert advice.tiled.ms >= advice.whole.ms


def test_defects_too_narrow_even_when_enlarged_are_said_to_be():
    advice = advise(sizes(2, (640, 480)))
    assert advice.chosen.narrow_px < CELL_PX
    assert "found by luck" in sizing_text(advice, None)
    between = advise(sizes(5, (640, 480)))
    assert CELL_PX <= between.chosen.narrow_px < WANTED_PX
    assert "expect more misses" in sizing_text(between, None)


def test_speed_is_a_line_through_what_was_measured():
    speed = fit_speed([(224, 1 + 0.0001 * 224**2), (416, 1 + 0.0001 * 416**2), (640, 1 + 0.0001 * 640**2)])
    assert speed.ms((320, 320)) == pytest.approx(1 + 0.0001 * 320**2)
    assert fit_speed([(320, 10.0)]).ms((640, 640)) == pytest.approx(40)
    noisy = fit_speed([(224, 9.0), (640, 8.0)])  # a busy moment: never a negative cost
    assert noisy.ms((320, 320)) == pytest.approx(2)


def test_boxes_are_measured_in_their_own_images(tmp_path: Path):
    small, large = save(tmp_path / "a.png", texture(0, (128, 96))), save(tmp_path / "b.png", texture(1, (256, 192)))
    found = defect_sizes(dataset(tmp_path, [sample(small, (0, 0, 10, 30, 0)), sample(large, (0, 0, 20, 60, 0))]))
    assert found.narrow_px.tolist() == [10, 20]
    assert found.long_px.tolist() == [30, 60]
    assert found.narrow_at(128) == pytest.approx(10)


def test_without_a_defect_there_is_nothing_to_go_by(tmp_path: Path):
    picture = save(tmp_path / "a.png", texture(0))
    with pytest.raises(DatasetError, match="no defect is annotated"):
        defect_sizes(dataset(tmp_path, [sample(picture)]))


def test_the_verb_answers_in_words_and_json(tmp_path: Path):
    picture = save(tmp_path / "a.png", texture(0, (640, 480)))
    root = dataset(tmp_path, [sample(picture, (0, 0, 30, 20, 0))]).root
    words = CliRunner().invoke(app, ["size", str(root), "--no-measure"])
    assert words.exit_code == 0
    assert words.stdout.startswith("recommended: imgsz: 384, whole images")
    assert "not measured (--no-measure)" in words.stdout
    facts = json.loads(CliRunner().invoke(app, ["size", str(root), "--no-measure", "--json"]).stdout)
    assert facts["recommended"]["imgsz"] == 384
    assert facts["measured_ms"] is None
