from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lineproof import presets
from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.recipe import Geometry, Recipe, load_recipe, with_changes
from lineproof.errors import SettingsError
from lineproof.presets import find_preset, preset_names

REPO = Path(__file__).resolve().parents[2]
RECIPES = sorted((REPO / "configs" / "recipes").glob("*.yaml"))
PRESETS = sorted((REPO / "configs" / "augment").glob("*.yaml"))


def test_there_are_recipes_and_presets():
    assert {"default", "quick", "demo"} <= set(preset_names("recipes"))
    assert {"industrial", "mild", "none"} <= set(preset_names("augment"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_file_loads_and_names_a_preset_there_is(path: Path):
    recipe = load_recipe(str(path))
    assert load_recipe(path.stem) == recipe
    load_augmentation(recipe.augment)


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.stem)
def test_every_augmentation_preset_loads(path: Path):
    assert load_augmentation(path.stem) == load_augmentation(str(path))


def test_a_misspelt_key_is_named_with_the_near_one(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("imgsz: 320\nepochz: 3\n")
    with pytest.raises(SettingsError, match=r"mine\.yaml: epochz: unknown key, did you mean 'epochs'"):
        load_recipe(str(file))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imgsz": 300}, "300 is not a multiple of 32"),
        ({"epochs": 0}, "epochs"),
        ({"nominal_batch": 4, "batch": 8}, "nominal_batch 4 is less than batch 8"),
        ({"epochs": 5, "minutes": 4.0}, "only one length"),
        ({"stages": []}, "at least one"),
        ({"stages": [{"share": 0.5}]}, "add up to 0.5"),
        ({"stages": [{"train": []}]}, "freezes everything"),
        ({"stages": [{"train": ["heads"], "rates": {"neck": 0.1}}]}, "which is frozen"),
        ({"lr0": float("nan")}, "lr0"),
        ({"precision": "fp8"}, "precision"),
        ({"geometry": {"mosaic": 1.5}}, "geometry.mosaic"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, object], words: str):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(change))
    with pytest.raises(SettingsError, match=words):
        load_recipe(str(file))


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(SettingsError, match=r"no recipe 'fast' – there are .*quick"):
        load_recipe("fast")


def test_the_command_line_changes_a_recipe_and_is_checked_like_it():
    recipe = Recipe()
    changed = with_changes(recipe, epochs=7, imgsz=None, batch=None, seed=3)
    assert (changed.epochs, changed.seed, changed.imgsz) == (7, 3, recipe.imgsz)
    with pytest.raises(SettingsError, match=r"command line: imgsz: .*100 is not a multiple of 32"):
        with_changes(recipe, imgsz=100)


def test_presets_are_found_inside_an_installed_wheel_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inside = tmp_path / "lineproof" / "_configs"
    (inside / "recipes").mkdir(parents=True)
    (inside / "recipes" / "default.yaml").write_text("epochs: 5\n")
    monkeypatch.setattr(presets, "_HOMES", (inside, tmp_path / "no-checkout"))
    assert find_preset("recipes", "default") == inside / "recipes" / "default.yaml"
    assert load_recipe("default").epochs == 5


@pytest.mark.parametrize(
    ("said", "flips"),
    [
        ({}, (0.5, 0.5)),
        ({"orientation": "free"}, (0.5, 0.5)),
        ({"orientation": "left-right"}, (0.5, 0.0)),
        ({"orientation": "fixed"}, (0.0, 0.0)),
        ({"orientation": "left-right", "flip_left_right": 0.2}, (0.2, 0.0)),
    ],
)
def test_flips_follow_how_a_part_lies(said: dict[str, object], flips: tuple[float, float]):
    geometry = Geometry.model_validate(said)
    assert (geometry.flip_left_right, geometry.flip_up_down) == flips
    assert Geometry.model_validate(geometry.model_dump()) == geometry
    assert with_changes(Recipe(geometry=geometry), epochs=3).geometry == geometry


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "{orientation: fixed, flip_left_right: 0.5}",
            "flip_left_right 0.5 makes parts that orientation fixed rules out",
        ),
        ("{orientation: left-right, flip_up_down: 0.1}", "flip_up_down 0.1 makes parts that orientation left-right"),
        ("{orientation: sideways}", "orientation"),
    ],
)
def test_flips_that_the_part_rules_out_are_refused(tmp_path: Path, said: str, words: str):
    file = tmp_path / "mine.yaml"
    file.write_text(f"geometry: {said}\n")
    with pytest.raises(SettingsError, match=words):
        load_recipe(str(file))
