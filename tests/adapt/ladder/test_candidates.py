"""Which rungs, bases and sizes make a candidate."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.adapt.ladder import candidates
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.ladder.candidates import make_candidates
from lineproof.data.dataset import Dataset
from lineproof.errors import WeightsError


def made(boxes: Dataset, **changes: object) -> list[Candidate]:
    wanted = {
        "rungs": ["quick"],
        "bases": ["scratch"],
        "sizes": (),
        "task": None,
        "lengths": {},
        "batch": None,
    }
    return list(make_candidates(boxes, **{**wanted, **changes}))


@pytest.fixture
def backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backbones there are: resnet50 and lineproof-n."""

    def check(name: str, imgsz: int) -> None:
        if name not in ("resnet50", "lineproof-n"):
            raise WeightsError(f"no base {name!r}")
        assert imgsz == (320 if name == "lineproof-n" else 224)

    monkeypatch.setattr(candidates, "check_backbone", check)


def test_every_rung_base_and_size_is_a_candidate(boxes: Dataset):
    found = made(boxes, rungs=["quick", "default"], bases=["scratch", "lineproof-n"], sizes=(64, 96))
    assert len({candidate.key for candidate in found}) == 8
    assert {candidate.recipe.imgsz for candidate in found} == {64, 96}
    assert {candidate.task for candidate in found} == {None}


def test_without_sizes_each_rung_keeps_its_own(boxes: Dataset):
    assert [candidate.imgsz for candidate in made(boxes, rungs=["quick", "default"])] == [256, 320]


def test_lengths_and_batch_replace_those_of_the_recipe(boxes: Dataset):
    (one,) = made(boxes, lengths={"steps": None, "epochs": 3}, batch=8)
    assert (one.recipe.epochs, one.recipe.batch) == (3, 8)


@pytest.mark.usefixtures("backbones")
def test_a_backbone_goes_with_frozen_features_and_a_detector_with_both(boxes: Dataset):
    found = made(boxes, rungs=["features", "quick"], bases=["resnet50", "lineproof-n", "scratch"])
    assert [(c.rung, c.base, c.task, c.imgsz) for c in found] == [
        ("features", "resnet50", "classify", 224),
        ("features", "lineproof-n", "classify", 320),
        ("quick", "lineproof-n", None, 256),
        ("quick", "scratch", None, 256),
    ]


@pytest.mark.usefixtures("backbones")
@pytest.mark.parametrize(
    ("rungs", "base"), [(["features", "quick"], "resnet99"), (["features"], "scratch"), (["quick"], "resnet50")]
)
def test_a_base_that_goes_with_no_rung_is_refused(rungs: list[str], base: str, boxes: Dataset):
    with pytest.raises(WeightsError, match=f"no base '{base}'"):
        made(boxes, rungs=rungs, bases=[base])


def test_a_file_of_weights_that_is_damaged_is_named(boxes: Dataset, tmp_path: Path):
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        made(boxes, bases=[str(tmp_path / "w.safetensors")])
