"""The verb `compare`: what it refuses before anything trains, and one comparison for real."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from adapt.conftest import CLASSES, draw_parts
from lineproof.adapt.recipe import load_recipe
from lineproof.bundle.open import open_bundle
from lineproof.cli import output
from lineproof.cli.compare import compare
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.errors import DatasetError, InputError, LineproofError, MissingExtra, SettingsError, WeightsError

app = typer.Typer()
app.command()(compare)

TINY = "{imgsz: 64, epochs: 2, batch: 4, nominal_batch: 4, warmup_steps: 0, augment: none, stages: [{train: [%s]}]}"


def refused(*args: str) -> LineproofError:
    error = CliRunner().invoke(app, list(args)).exception
    assert isinstance(error, LineproofError), error
    assert "\n" not in str(error)
    return error


@pytest.fixture
def recipes(tmp_path: Path) -> str:
    """Two rungs, as files."""
    for name, groups in (("all", "stem, neck, heads"), ("head", "heads")):
        (tmp_path / f"{name}.yaml").write_text(TINY % groups)
    return f"{tmp_path}/all.yaml,{tmp_path}/head.yaml"


def test_help_has_an_example():
    assert "Example" in CliRunner().invoke(app, ["--help"]).output


def test_what_is_wrong_is_said_before_anything_is_made(boxes: Dataset, recipes: str, tmp_path: Path):
    data, out = str(boxes.root), tmp_path / "run"
    good = [data, "--rungs", recipes, "--bases", "scratch"]
    cases = [
        (["nowhere"], DatasetError, "nowhere"),
        ([data, "--rungs", "fastest"], SettingsError, "no recipe 'fastest'"),
        ([data, "--rungs", "quick", "--bases", "scratch"], InputError, "nothing to compare: 1 candidate"),
        ([data, "--rungs", "quick", "--bases", "scratch,yolov8q"], WeightsError, "no base 'yolov8q'"),
        ([data, "--rungs", "quick", "--bases", "scratch,gone.pt"], WeightsError, "gone.pt: no such file"),
        ([data, "--rungs", "quick", "--bases", "scratch,"], InputError, "--bases 'scratch,': a name is missing"),
        ([data, "--rungs", "quick", "--bases", "scratch,scratch"], InputError, "asked for twice"),
        ([*good, "--imgsz", "64,99"], SettingsError, "99 is not a multiple of 32"),
        ([*good, "--imgsz", "64px"], InputError, "--imgsz 64px: '64px' is no whole number"),
        ([*good, "--seeds", "0,0"], InputError, "--seeds 0,0: 0 stands there twice"),
        ([*good, "--task", "segment"], DatasetError, "has no masks"),
        ([*good, "--rank", "cost"], InputError, "both are needed"),
        ([*good, "--cost-escape", "5"], InputError, "both are needed"),
        ([*good, "--rank", "map", "--prior", "0.1"], InputError, "--rank map takes no costs"),
        ([*good, "--minutes", "0"], InputError, "--minutes 0"),
        ([*good, "--minutes", "9", "--steps", "9"], InputError, "a schedule has one length"),
        ([*good, "--device", "cuda:9"], InputError, "--device cuda:9"),
        ([*good, "--on", "kubernetes"], SettingsError, "--on kubernetes"),
        ([*good, "--recipe", "quick"], InputError, "--recipe is for --ablate"),
        ([data, "--ablate", "colours", "--bases", "scratch"], InputError, "--ablate colours: not known"),
        ([data, "--ablate", "augment", "--bases", "scratch", "--imgsz", "64,96"], InputError, "name one of each"),
        ([data, "--resume"], InputError, "no comparison"),
        ([*good, "--resume"], InputError, "drop --rungs, --bases"),
    ]
    for args, kind, words in cases:
        error = refused(*args, "--out", str(out))
        assert isinstance(error, kind), args
        assert words in str(error), args
        assert error.exit_code == 2
        assert not out.exists(), args


def test_data_without_validation_are_refused(tmp_path: Path):
    samples = [sample for sample in draw_parts(tmp_path / "drawn", 6, masks=False) if sample.split == "train"]
    write_dataset(tmp_path / "data", CLASSES, samples, "test")
    error = refused(str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--rungs", "quick,default")
    assert "no image in split 'val'" in str(error)


def test_ray_without_its_extra_is_one_line(
    boxes: Dataset, recipes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    find = output.importlib.util.find_spec
    monkeypatch.setattr(output.importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    args = ["--rungs", recipes, "--bases", "scratch", "--on", "ray"]
    error = refused(str(boxes.root), "--out", str(tmp_path / "run"), *args)
    assert isinstance(error, MissingExtra)
    assert "lineproof[scale]" in str(error)
    assert not (tmp_path / "run").exists()


@pytest.mark.train
def test_two_ways_are_trained_ranked_and_recommended(boxes: Dataset, recipes: str, tmp_path: Path):
    out = tmp_path / "run"
    args = [str(boxes.root), "--out", str(out), "--rungs", recipes, "--bases", "scratch", "--device", "cpu"]
    args += ["--workers", "1", "--cost-escape", "100", "--cost-overkill", "2", "--prior", "0.05", "--json"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts == json.loads((out / "results.json").read_text())
    first, second = facts["candidates"]
    assert [(row["fate"], row["schedule"]) for row in (first, second)] == [
        ("ranked", "2 epochs"),
        ("halved", "1 epoch"),
    ]
    assert first["latency_ms"]["median"] > 0
    assert first["seeds"]["0"]["val"]["escapes"]["of"] == 5
    assert open_bundle(Path(facts["bundle"])).digest == first["seeds"]["0"]["digest"]
    assert load_recipe(str(out / "recommended.yaml")).epochs == 2
    assert cv2.imread(str(out / "ladder.png")).shape[0] > 400
    again = CliRunner().invoke(app, [*args[:3], "--device", "cpu", "--resume", "--rank", "map"])  # nothing to train
    assert again.exit_code == 0, again.output
    assert "ranked by mAP50-95 on validation" in again.stdout
    assert again.stderr.count("finished already") == 2
    assert "starts" not in again.stderr
