from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from lineproof.cli.data_augment import augment_preview
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError, SettingsError

RECIPE = "imgsz: 64\naugment: mild\ngeometry: {orientation: left-right}\n"
GLARE = "transforms: [{name: SpecularHighlight, p: 0.1, count: [3, 3], size: [0.2, 0.3], peak: [2, 2]}]\n"

app = typer.Typer()
app.command()(augment_preview)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE)
    return file


def run(*argv: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_a_sheet_has_a_column_for_each_transform_and_the_figures(masks: Dataset, recipe: Path, tmp_path: Path):
    out = tmp_path / "sheet.png"
    facts = json.loads(run(masks.root, "--out", out, "--recipe", recipe, "-n", 3, "--json"))
    plain = cv2.imread(str(out))
    assert facts["augment"] == "mild"
    assert len(facts["images"]) == 3
    assert {row["transform"] for row in facts["transforms"]} == {"RandomBrightnessContrast", "RandomGamma"}
    assert all(0 <= row["lowest"] <= row["median"] <= 1 for row in facts["transforms"])
    assert {row["class_name"] for row in facts["classes"]} == {"white", "red"}
    assert facts["refused"] == []
    run(masks.root, "--out", out, "--recipe", recipe, "-n", 3, "--paste", 0.5)
    pasted = cv2.imread(str(out))
    assert pasted.shape[1] * 4 == pytest.approx(plain.shape[1] * 5, rel=0.01), "original, two, all; and paste"
    assert pasted.shape[0] == plain.shape[0]
    assert (pasted[70:, plain.shape[1] :].std()) > 10


def test_a_preset_that_erases_defects_is_drawn_and_answered_with_no(boxes: Dataset, recipe: Path, tmp_path: Path):
    preset, out = tmp_path / "glare.yaml", tmp_path / "sheet.png"
    preset.write_text(GLARE)
    text = run(boxes.root, "--out", out, "--recipe", recipe, "--augment", preset, "-n", 2, code=1)
    assert "refused: augmentation SpecularHighlight hides" in text
    assert out.is_file()


def test_wrong_calls_are_refused(boxes: Dataset, recipe: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"expected a \.png"):
        run(boxes.root, "--out", tmp_path / "sheet.jpg")
    with pytest.raises(SettingsError, match="no augment 'hash'"):
        run(boxes.root, "--out", tmp_path / "sheet.png", "--augment", "hash")
