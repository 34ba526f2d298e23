from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import sample, save
from lineproof.cli.evaluate import evaluate
from lineproof.data.dataset import write_dataset
from tiny_bundle import CLASSES, part
from tiny_classifier import classifier_bundle

BLUE, RED = (255, 0, 0), (0, 0, 255)

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture
def scene(tmp_path):
    """A bundle, and six test images: one defect that it cannot see, one good part that it takes for blue."""
    classifier_bundle(tmp_path / "sorter")
    images = {
        "blue": (part((0, 0, BLUE)), [(0, 0, 16, 16, 0)]),
        "red": (part((2, 2, RED)), [(32, 32, 48, 48, 1)]),
        "both": (part((1, 1, BLUE), (3, 3, RED)), [(16, 16, 32, 32, 0), (48, 48, 64, 64, 1)]),
        "faint": (part((2, 2, (0, 0, 60))), [(32, 32, 48, 48, 1)]),
        "good": (part(), []),
        "odd": (part((3, 0, BLUE)), []),
    }
    samples = [
        sample(save(tmp_path / "drawn" / f"{name}.png", image), *rows, split="test")
        for name, (image, rows) in images.items()
    ]
    write_dataset(tmp_path / "data", CLASSES, samples, "drawn")
    return tmp_path


def test_image_figures_and_rates_as_json_and_as_a_table(scene):
    arguments = [str(scene / "sorter"), str(scene / "data"), "--provider", "cpu"]
    answer = CliRunner().invoke(
        app, [*arguments, "--json", "--out", str(scene / "figures.json")], catch_exceptions=False
    )
    facts = json.loads(answer.stdout)
    assert json.loads((scene / "figures.json").read_text()) == facts
    assert facts["images"] == 6
    assert "boxes" not in facts
    assert (facts["right"]["count"], facts["right"]["of"]) == (4, 6)
    assert facts["right"]["low"] < 4 / 6 < facts["right"]["high"]
    assert (facts["escape"]["count"], facts["escape"]["of"]) == (1, 4)
    assert (facts["overkill"]["count"], facts["overkill"]["of"]) == (1, 2)
    assert facts["image_level"]["per_class"]["red"]["AP"] == 1.0
    assert 0.5 < facts["image_level"]["per_class"]["blue"]["AP"] < 1
    table = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert "image AP" in table
    assert "right     4/6 = 66.7% (95 %: 22.3% – 95.7%)" in table
    assert "escapes   1/4" in table


def test_pixels_decide_and_not_the_size_of_the_image(scene):
    enlarged = cv2.resize(part((0, 0, BLUE)), (640, 640), interpolation=cv2.INTER_NEAREST)
    samples = [sample(save(scene / "large/blue.png", np.asarray(enlarged)), (0, 0, 160, 160, 0), split="test")]
    write_dataset(scene / "one", CLASSES, samples, "drawn")
    answer = CliRunner().invoke(app, [str(scene / "sorter"), str(scene / "one"), "--json"], catch_exceptions=False)
    assert json.loads(answer.stdout)["escape"] == {"count": 0, "of": 1, "rate": 0.0, "low": 0.0, "high": 0.975}
