"""The verbs `train` and `export` on the command line: what they ask for and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lineproof.cli.train import export, train
from lineproof.data.dataset import Dataset
from lineproof.errors import DatasetError, InputError, LineproofError, SettingsError, WeightsError

app = typer.Typer()
app.command()(train)
app.command()(export)


def refused(*args: str) -> LineproofError:
    error = CliRunner().invoke(app, list(args)).exception
    assert isinstance(error, LineproofError)
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize("verb", ["train", "export"])
def test_help_has_an_example(verb: str):
    assert "Example" in CliRunner().invoke(app, [verb, "--help"]).output


def test_what_is_wrong_is_said_before_anything_is_made(boxes: Dataset, tmp_path: Path):
    data, out = str(boxes.root), str(tmp_path / "run")
    cases = [
        (["nowhere"], DatasetError, "nowhere"),
        ([data, "--recipe", "fastest"], SettingsError, "no recipe 'fastest'"),
        ([data, "--imgsz", "99"], SettingsError, "99 is not a multiple of 32"),
        ([data, "--epochs", "0"], SettingsError, "epochs"),
        ([data, "--base", "resnet50"], WeightsError, "no base 'resnet50'"),
        ([data, "--task", "segment"], DatasetError, "has no masks"),
        ([data, "--resume"], InputError, "no training run"),
        ([data, "--base", "scratch", "--device", "cuda:9"], InputError, "--device cuda:9"),
    ]
    for args, kind, words in cases:
        error = refused("train", *args, "--out", out)
        assert isinstance(error, kind), args
        assert words in str(error)
        assert error.exit_code == 2
        assert not Path(out).exists(), args


def test_resume_takes_no_other_wishes(boxes: Dataset, tmp_path: Path):
    error = refused("train", str(boxes.root), "--out", str(tmp_path), "--resume", "--epochs", "5", "--base", "yolov8n")
    assert "drop --base, --epochs" in str(error)


def test_a_taken_folder_is_left_alone(boxes: Dataset, tmp_path: Path):
    (tmp_path / "precious").write_text("x")
    error = refused("train", str(boxes.root), "--out", str(tmp_path), "--base", "scratch")
    assert "is there already – go on with --resume, or choose another --out" in str(error)
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_only_a_run_can_be_exported(tmp_path: Path):
    assert "no training run" in str(refused("export", str(tmp_path), "--out", str(tmp_path / "b")))
    assert "no training run" in str(refused("export", str(tmp_path), "--out", "b.safetensors", "--as-base"))


@pytest.mark.train
def test_one_object_on_stdout_and_the_rest_on_stderr(boxes: Dataset, tmp_path: Path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("{imgsz: 64, epochs: 1, batch: 4, nominal_batch: 4, warmup_steps: 0, augment: none}")
    args = ["train", str(boxes.root), "--out", str(tmp_path / "run"), "--base", "scratch", "--recipe", str(recipe)]
    result = CliRunner().invoke(app, [*args, "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert Path(facts["bundle"]) == tmp_path / "run" / "bundle"
    assert facts["parity"]["decision_flips"] == 0
    assert set(facts["thresholds"]) == set(boxes.classes)
    assert "epoch 1/1" in result.stderr
