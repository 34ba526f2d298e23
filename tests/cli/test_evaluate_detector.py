"""Average precision from another score floor than the bundle's own."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import sample, save
from lineproof.cli.evaluate import evaluate
from lineproof.data.dataset import write_dataset
from lineproof.errors import SettingsError
from tiny_bundle import CLASSES, part, tiny_bundle

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture
def arguments(tmp_path):
    """A bundle that keeps from 0.46 on, and two defects: one that it is sure of, one at 0.2."""
    tiny_bundle(tmp_path / "bundle")
    picture = part((0, 0, (255, 0, 0)), (2, 2, (51, 0, 0)))
    rows = [(0, 0, 16, 16, 0), (32, 32, 48, 48, 0)]
    write_dataset(
        tmp_path / "data", CLASSES, [sample(save(tmp_path / "part.png", picture), *rows, split="test")], "drawn"
    )
    return [str(tmp_path / "bundle"), str(tmp_path / "data"), "--provider", "cpu", "--json"]


def figures(arguments: list[str]) -> dict[str, object]:
    return json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)


def test_a_lower_floor_counts_what_the_bundle_leaves_out_and_decides_nothing(arguments):
    own, lower = figures(arguments), figures([*arguments, "--score-floor", "0.001"])
    assert (own["score_floor"], lower["score_floor"]) == (0.46, 0.001)
    assert own["boxes"]["per_class"]["blue"]["AP50"] == pytest.approx(0.5, abs=0.01)
    assert lower["boxes"]["per_class"]["blue"]["AP50"] == pytest.approx(1.0, abs=0.01)
    assert lower["escape"] == own["escape"]
    assert lower["table"] == own["table"]


def test_a_higher_floor_could_hide_what_decides(arguments):
    with pytest.raises(SettingsError, match=r"0\.9 lies above the bundle's own, 0\.46"):
        figures([*arguments, "--score-floor", "0.9"])
