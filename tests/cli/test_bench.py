"""`lineproof bench` from the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from lineproof.cli.bench import bench, milliseconds
from lineproof.errors import BundleError, InputError
from tiny_bundle import tiny_bundle

app = typer.Typer()
app.command()(bench)

QUICK = ("--threads", "1", "--rounds", "3", "--calls", "1", "--frame", "128x64")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bench") / "tiny").path


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def test_a_budget_that_holds_is_a_yes(bundle: Path) -> None:
    done = run(bundle, *QUICK, "--budget", "60s")
    assert done.exit_code == 0
    assert "60000 ms: yes\n  lineproof, cpu, 1 thread: p99 " in done.stdout
    assert "1 thread\nms per frame" in done.stdout


def test_a_budget_that_does_not_is_a_no(bundle: Path) -> None:
    done = run(bundle, *QUICK, "--budget", "0.0001ms", "--json")
    assert done.exit_code == 1
    budget = json.loads(done.stdout)["budget"]
    assert budget["holds"] is False
    assert [(way["name"], way["threads"], way["holds"]) for way in budget["ways"]] == [("lineproof, cpu", 1, False)]


def test_a_provider_that_is_not_there_keeps_no_budget_and_breaks_nothing(bundle: Path) -> None:
    from onnxruntime import get_available_providers

    if "TensorrtExecutionProvider" in get_available_providers():
        pytest.skip("TensorRT is here")
    done = run(bundle, *QUICK, "--providers", "tensorrt", "--budget", "60s")
    assert done.exit_code == 1
    assert "60000 ms: no, lineproof did not run" in done.stdout
    assert "lineproof, tensorrt: not run: " in done.stdout


def test_out_holds_figures_and_picture(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "new" / "folder"
    done = run(bundle, *QUICK, "--against", "ultralytics", "--out", out, "--json")
    assert done.exit_code == 0
    facts = json.loads((out / "bench.json").read_text())
    assert facts == json.loads(done.stdout)
    assert facts["races"][0]["rows"][-1]["problem"] == "not run: needs the training run: --run RUN"
    assert str(bundle) not in json.dumps(facts)  # figures are committed; folders of a machine are not
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_figures_alone_need_no_matplotlib(bundle: Path, tmp_path: Path) -> None:
    run(bundle, *QUICK, "--out", tmp_path, "--no-plot")
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--providers", "cpu,npu", "--providers npu: unknown"),
        ("--providers", "auto", "--providers auto: unknown"),
        ("--against", "darknet", "--against darknet: unknown"),
        ("--threads", "one", "'one' is no whole number from 1 on"),
        ("--threads", "4096", "this process may use"),
        ("--frame", "1080p", "expected WIDTHxHEIGHT"),
        ("--frame", "0x64", "expected WIDTHxHEIGHT"),
        ("--budget", "soon", "expected a time such as 20ms"),
        ("--run", "no/such/run", "no training run"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(bundle: Path, option: str, value: str, complaint: str) -> None:
    if option == "--run" and importlib.util.find_spec("ultralytics") is None:
        pytest.skip("the train extra is not installed")
    with pytest.raises(InputError, match=complaint):
        run(bundle, "--rounds", "3", option, value)


def test_a_bundle_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing"):
        run(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("words", "ms"), [("20ms", 20.0), ("20 ms", 20.0), ("20", 20.0), ("0.02s", 20.0), (".5s", 500.0), ("7.5ms", 7.5)]
)
def test_times_are_read_as_people_write_them(words: str, ms: float) -> None:
    assert milliseconds(words) == pytest.approx(ms)


@pytest.mark.parametrize("words", ["0ms", "-3ms", "20us", "ms", "1e3"])
def test_what_is_no_time_is_refused(words: str) -> None:
    with pytest.raises(InputError):
        milliseconds(words)
