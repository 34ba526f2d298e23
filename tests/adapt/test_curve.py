"""The study of a learning curve: real trainings on tiny images, and what is said about drawn results."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from adapt.conftest import CLASSES, draw_parts
from drawn_dataset import sample, save, texture
from lineproof.adapt.curve.outcome import RunOutcome
from lineproof.adapt.curve.plan import plan_cells, subset_view, usual_sizes
from lineproof.adapt.curve.plot import draw_study
from lineproof.adapt.curve.report import advice, report_dict, report_text, study_report
from lineproof.adapt.recipe import Geometry, Recipe
from lineproof.cli.curve import curve
from lineproof.data.dataset import Dataset, open_dataset, write_dataset
from lineproof.errors import DatasetError, InputError, LineproofError, SettingsError

app = typer.Typer()
app.command()(curve)
RECIPE = Recipe(imgsz=64, epochs=10, batch=4, nominal_batch=4, augment="none", geometry=Geometry(mosaic=0))


def outcome(images: int, seed: int, value: float, **changes: object) -> RunOutcome:
    """A run with one class as good as the whole, another that gains more, and 40 bad and 60 good held-out parts."""
    facts: dict[str, object] = {
        "images": images,
        "trained_images": images,
        "ok_images": images // 2,
        "seed": seed,
        "arm": "all",
        "data_hash": "",
        "base": "auto",
        "recipe": "",
        "held_out": "val",
        "seconds": 60.0,
        "figure": "box mAP50",
        "value": value,
        "per_class": {"even": value, "steep": max(0.0, 1.6 * value - 0.6), "unseen": None},
        "escapes": {"count": 4, "of": 40},
        "overkill": {"count": 3, "of": 60},
    }
    return RunOutcome.model_validate({**facts, **changes})


def rising(noise: float = 0.005, **changes: object) -> list[RunOutcome]:
    rng = np.random.default_rng(0)
    return [
        outcome(n, seed, float(0.9 - 2.0 * n**-0.5 + noise * rng.normal()), **changes)
        for n in (25, 50, 100, 200)
        for seed in (0, 1, 2)
    ]


def test_a_study_predicts_and_names_the_class_that_gains_most(tmp_path: Path):
    report = study_report(rising(), (400, 2000))
    said = "\n".join(advice(report))
    assert "at 400 images expect box mAP50 0.8" in said
    assert "at 2000 images" in said
    assert "far beyond the 200 measured" in said.splitlines()[1]
    assert "far beyond" not in said.splitlines()[0]
    assert "class steep gains most from 200 to 400 images" in said
    assert "not in the held-out images, so nothing is known of: unseen" in said
    assert "was not tried: add --without-ok" in said
    facts = report_dict(report)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["curve"]["predictions"][0]["low"] < 0.8 < facts["curve"]["predictions"][0]["high"]
    assert "200   100" in report_text(report)
    draw_study(tmp_path / "curve.png", report, "drawn")
    assert cv2.imread(str(tmp_path / "curve.png")).shape[1] > 1000


def test_noise_is_not_sold_as_a_gain():
    said = "\n".join(advice(study_report(rising(noise=0.08), (400,))))
    assert "cannot be told: every gain may be none" in said


def test_two_sizes_predict_nothing_and_say_so(tmp_path: Path):
    report = study_report([run for run in rising() if run.images < 100], (400,))
    assert advice(report)[0] == "no prediction: 2 sizes measured; a curve needs 3"
    assert report_dict(report)["curve"] == {
        "fitted": False,
        "why_not": "2 sizes measured; a curve needs 3",
        "predictions": [],
    }
    draw_study(tmp_path / "curve.png", report, "drawn")
    assert (tmp_path / "curve.png").is_file()


def test_a_class_never_found_is_named():
    runs = [run.model_copy(update={"per_class": {"even": run.value, "blind": 0.0}}) for run in rising()]
    assert "never found at any size: blind" in advice(study_report(runs, (400,)))


@pytest.mark.parametrize(
    ("with_ok", "without", "words"),
    [
        (2, 24, "good parts cut overkill"),
        (3, 4, "no difference that these 60 good held-out parts could show"),
        (24, 2, "good parts did not help here"),
    ],
)
def test_what_good_parts_do_is_told_from_pairs(with_ok, without, words):
    runs = rising(overkill={"count": with_ok, "of": 60})
    bare = [
        outcome(200, seed, 0.7, arm="without-ok", ok_images=0, overkill={"count": without, "of": 60})
        for seed in range(3)
    ]
    said = study_report([*runs, *bare], (400,)).good.says
    assert words in said
    assert "with 100 good parts in training" in said
    assert study_report([*runs, *bare], (400,)).sizes == [25, 50, 100, 200]


def test_without_good_parts_nothing_is_claimed():
    said = study_report(rising(ok_images=0), (400,)).good.says
    assert "no training image shows one" in said
    said = study_report(rising(overkill={"count": 0, "of": 0}), (400,)).good.says
    assert "the held-out images show no good part" in said


def test_cells_are_nested_small_ones_first_and_leave_the_rest_alone(boxes: Dataset):
    cells = plan_cells(boxes, (4, 12, 8), (0, 1), "val", without_ok=True)
    assert [cell.name for cell in cells] == [
        "n00004-seed0",
        "n00004-seed1",
        "n00008-seed0",
        "n00008-seed1",
        "n00012-seed0",
        "n00012-seed1",
        "n00012-seed0-without-ok",
        "n00012-seed1-without-ok",
    ]
    names = [{s.image for s in cell.train} for cell in cells]
    assert names[0] < names[2] < names[4]
    assert names[6] == {s.image for s in cells[4].train if not s.ok}
    held_out = [s.image for s in boxes.samples if s.split == "val"]
    assert all([s.image for s in cell.view.samples if s.split == "val"] == held_out for cell in cells)
    assert cells[4].view.content_hash == cells[5].view.content_hash, "all 12, whichever the seed"
    assert len({cell.view.content_hash for cell in cells[:4]} | {boxes.content_hash}) == 5


def test_usual_sizes(boxes: Dataset):
    train = [s for s in boxes.samples if s.split == "train"]
    assert usual_sizes(subset_view(boxes, train * 10)) == (25, 50, 100)
    assert usual_sizes(boxes) == (3, 6, 12)
    with pytest.raises(DatasetError, match="5 training images: too few for a curve of 3 sizes"):
        usual_sizes(subset_view(boxes, train[:5]))


def refused(*args: str) -> LineproofError:
    error = CliRunner().invoke(app, list(args)).exception
    assert isinstance(error, LineproofError), error
    assert "\n" not in str(error)
    return error


def test_what_is_wrong_is_said_before_anything_is_made(boxes: Dataset, tmp_path: Path):
    out = tmp_path / "study"
    good = write_dataset(
        tmp_path / "good",
        CLASSES,
        [sample(save(tmp_path / f"{i}.png", texture(i)), split="train" if i else "val") for i in range(8)],
        "test",
    )
    no_val = write_dataset(tmp_path / "noval", CLASSES, [s for s in boxes.samples if s.split == "train"], "test")
    cases = [
        ([str(boxes.root), "--sizes", "4,8,500"], DatasetError, "12 training images, too few for a subset of 500"),
        ([str(boxes.root), "--sizes", "4,many"], InputError, "--sizes 4,many: 'many' is no whole number"),
        ([str(boxes.root), "--sizes", "0,4,8"], InputError, "'0' is no whole number from 1 on"),
        ([str(boxes.root), "--seeds", "0,x"], InputError, "--seeds 0,x: 'x'"),
        ([str(boxes.root), "--predict", "4.5"], InputError, "--predict 4.5"),
        ([str(boxes.root), "--minutes-each", "0"], SettingsError, "minutes: Input should be greater than 0"),
        ([str(boxes.root), "--split", "test"], DatasetError, "no image in split 'test'"),
        ([str(no_val.root), "--sizes", "4,8,12"], DatasetError, "no image in split 'val'"),
        ([str(good.root), "--sizes", "2,3,4"], DatasetError, "only good parts in split 'train'"),
    ]
    for args, kind, words in cases:
        error = refused(*args, "--out", str(out))
        assert isinstance(error, kind), args
        assert words in str(error)
        assert not out.exists(), args


@pytest.mark.train
def test_a_study_is_trained_goes_on_and_refuses_other_questions(tmp_path: Path):
    data = write_dataset(tmp_path / "data", CLASSES, draw_parts(tmp_path / "drawn", 18, masks=False), "test")
    recipe, out = tmp_path / "tiny.yaml", tmp_path / "study"
    recipe.write_text("imgsz: 64\nepochs: 1\npatience: 1\nbatch: 4\nnominal_batch: 4\naugment: none\n", "utf-8")
    call = [str(data.root), "--out", str(out), "--recipe", str(recipe), "--base", "lineproof-n", "--device", "cpu"]
    first = CliRunner().invoke(app, [*call, "--sizes", "4,8", "--seeds", "0"], catch_exceptions=False)
    assert "no prediction: 2 sizes measured" in first.stdout
    stamp = (out / "runs" / "n00004-seed0.json").stat().st_mtime_ns

    more = [*call, "--sizes", "4,8,12", "--seeds", "0", "--predict", "24", "--without-ok", "--json"]
    second = CliRunner().invoke(app, more, catch_exceptions=False)
    assert second.exit_code == 0
    facts = json.loads(second.stdout)
    assert (out / "runs" / "n00004-seed0.json").stat().st_mtime_ns == stamp, "a finished run is not trained again"
    assert [(run["images"], run["arm"]) for run in facts["runs"]] == [
        (4, "all"),
        (8, "all"),
        (12, "all"),
        (12, "without-ok"),
    ]
    assert facts["runs"][3]["trained_images"] == 10
    assert (out / "runs" / "n00012-seed0" / "bundle" / "manifest.json").is_file()
    assert not (out / "runs" / "n00012-seed0" / "state").exists()
    assert json.loads((out / "curve.json").read_text("utf-8"))["advice"] == facts["advice"]
    assert cv2.imread(facts["plot"]) is not None

    assert "was trained with another base" in str(refused(*more[:-1], "--base", "scratch"))
    assert "was trained with another recipe" in str(refused(*more[:-1], "--imgsz", "96"))
    fewer = [s for s in open_dataset(data.root).samples if not s.image.name.endswith("00.png")]
    other = write_dataset(tmp_path / "other", CLASSES, fewer, "test")
    assert "of other images" in str(refused(str(other.root), *call[1:], "--sizes", "4,8", "--seeds", "0"))
