"""The verb `compare`: what it refuses before anything trains, and one comparison for real."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import torch
import typer
from typer.testing import CliRunner

from adapt.conftest import CLASSES, draw_parts
from adapt.ladder.scripted_trials import Told
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.ladder.clock import clock_trials
from lineproof.adapt.ladder.figures import read_result
from lineproof.adapt.ladder.order import measure_order
from lineproof.adapt.ladder.plan import read_plan
from lineproof.adapt.ladder.processes import ProcessRunner
from lineproof.adapt.network import read_safetensors
from lineproof.adapt.recipe import load_recipe
from lineproof.adapt.run_folder import RunFolder
from lineproof.bundle.open import open_bundle
from lineproof.cli import output
from lineproof.cli.compare import compare
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.errors import DatasetError, InputError, LineproofError, MissingExtra, SettingsError, WeightsError

app = typer.Typer()
app.command()(compare)

TINY = "{imgsz: 64, epochs: 3, batch: 4, nominal_batch: 4, warmup_steps: 0, augment: none, stages: [{train: [%s]}]}"


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


@pytest.fixture(scope="module")
def compared(boxes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """Two rungs at two sizes, halved: four trials of an epoch, two of three."""
    home = tmp_path_factory.mktemp("compared")
    rungs = []
    for name, groups in (("all", "stem, neck, heads"), ("head", "heads")):
        rungs.append(home / f"{name}.yaml")
        rungs[-1].write_text(TINY % groups)
    args = [str(boxes.root), "--out", str(home / "run"), "--rungs", ",".join(map(str, rungs)), "--imgsz", "64,96"]
    args += ["--bases", "scratch", "--device", "cpu", "--workers", "1", "--json"]
    result = CliRunner().invoke(app, [*args, "--cost-escape", "100", "--cost-overkill", "2", "--prior", "0.05"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts == json.loads((home / "run" / "results.json").read_text())
    return home / "run", facts


@pytest.mark.train
def test_four_ways_are_halved_ranked_and_recommended(boxes: Dataset, compared: tuple[Path, dict[str, object]]):
    out, facts = compared
    rows = facts["candidates"]
    assert [(row["fate"], row["schedule"]) for row in rows] == [("ranked", "3 epochs")] * 2 + [
        ("halved", "1 epoch")
    ] * 2
    first, last = rows[0], rows[-1]
    assert first["latency_ms"]["median"] > 0
    assert first["seeds"]["0"]["val"]["escapes"]["of"] == 5
    assert open_bundle(Path(facts["bundle"])).digest == first["seeds"]["0"]["digest"]
    assert (last["latency_ms"], last["seeds"]["0"]["bundle"]) == (None, "")
    assert not (Path(last["seeds"]["0"]["run"]) / "bundle").exists()
    assert load_recipe(str(out / "recommended.yaml")).epochs == 3
    assert cv2.imread(str(out / "ladder.png")).shape[0] > 400
    again = [str(boxes.root), "--out", str(out), "--device", "cpu", "--resume", "--rank", "map"]  # nothing to train
    result = CliRunner().invoke(app, again)
    assert result.exit_code == 0, result.output
    assert "ranked by mAP50-95 on validation" in result.stdout
    assert "4 of 4 trials of this round are finished already" in result.stderr


@pytest.mark.train
def test_the_order_is_measured_as_the_sealed_bundle_is(boxes: Dataset, compared: tuple[Path, dict[str, object]]):
    out, facts = compared
    result = read_result(out / "trials" / facts["candidates"][0]["seeds"]["0"]["key"])
    run = RunFolder.existing(Path(result.run))
    figures, thresholds = measure_order(read_safetensors(run.best).network(), boxes, run.read().recipe)
    assert figures.map50_95 == pytest.approx(result.val.map50_95, abs=1e-3)
    assert (figures.escapes, figures.overkill) == (result.val.escapes, result.val.overkill)
    assert {name: threshold.score for name, threshold in thresholds.items()} == pytest.approx(
        result.thresholds, abs=1e-3
    )
    assert figures.map_drawn == ()
    assert len(result.val.map_drawn) == 100
    clocked = clock_trials({"bundle": result, "network": result.model_copy(update={"bundle": ""})}, boxes, "cpu")
    assert clocked["network"].median_ms == pytest.approx(clocked["bundle"].median_ms, rel=0.9)


@pytest.mark.train
def test_a_trial_learns_the_same_alone_as_after_others(compared: tuple[Path, dict[str, object]], tmp_path: Path):
    out, _ = compared
    plan = read_plan(out)
    key = plan.candidates[-1].key
    spec = plan.spec(tmp_path, key, 0, 1 / 3, last=False)
    (alone,) = ProcessRunner(1, cpu_threads()).run([spec], Told())
    after = read_result(out / "trials" / alone.key)
    assert alone.status == "done", alone.reason
    assert alone.val.parts == after.val.parts
    weights, others = (read_safetensors(Path(one.run) / "best.safetensors").state for one in (alone, after))
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-5, atol=1e-6)
