"""A folder goes on only as it was begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapt.ladder.scripted_trials import plan
from lineproof.adapt.ladder.plan import PLAN, make_plan, read_plan, settle
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError


def test_the_same_plan_goes_on(tmp_path: Path):
    out = tmp_path / "run"
    assert not settle(out, plan("a", "b"))
    assert settle(out, plan("a", "b"))
    assert read_plan(out) == plan("a", "b")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"dataset_hash": "e" * 64}, r"other data \(content hash dddddddddddd, now eeeeeeeeeeee, split the same\)"),
        ({"split_hash": "6" * 64}, "split made anew"),
        ({"seeds": (0, 1)}, "seeds 0 → 0,1"),
        ({"rounds": 1}, "rounds 3 → 1"),
        ({"candidates": plan("a", "c").candidates}, "without b-yolov8n-64, with c-yolov8n-64"),
        ({"candidates": plan("a", "b", steps=9).candidates}, "recipe of a-yolov8n-64, recipe of b-yolov8n-64"),
    ],
)
def test_anything_else_is_refused(changed: dict[str, object], words: str, tmp_path: Path):
    settle(tmp_path, plan("a", "b"))
    with pytest.raises(InputError, match=words):
        settle(tmp_path, plan("a", "b").model_copy(update=changed))


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(InputError, match="is there already, and holds no comparison"):
        settle(tmp_path, plan("a", "b"))
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_damaged_plan_is_one_line(tmp_path: Path):
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(InputError, match="not the plan of a comparison") as error:
        read_plan(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no comparison"):
        read_plan(tmp_path / "nowhere")


def test_one_candidate_is_nothing_to_compare(boxes: Dataset):
    one = plan("a").candidates
    with pytest.raises(InputError, match=r"nothing to compare: 1 candidate \(a · yolov8n · 64 px\)"):
        make_plan(boxes, one, (0,), rounds=3, device="cpu")
    with pytest.raises(InputError, match="--seeds 0,0"):
        make_plan(boxes, plan("a", "b").candidates, (0, 0), rounds=3, device="cpu")


def test_trials_lie_apart(tmp_path: Path):
    wanted = plan("a", "b")
    folders = {
        wanted.spec(tmp_path, candidate.key, seed, share, last=False).folder
        for candidate in wanted.candidates
        for seed in (0, 1)
        for share in (0.5, 1)
    }
    assert len(folders) == 8
    assert {Path(folder).parent for folder in folders} == {tmp_path / "trials"}
