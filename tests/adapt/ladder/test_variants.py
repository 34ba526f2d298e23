"""An ablation: what is taken out, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapt.ladder.scripted_trials import SPLIT_HASH, ScriptedRunner, Told, figures
from adapt.ladder.scripted_trials import done as finished
from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.ladder.ablation import ablation_facts, ablation_table, effects, verdict
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.ladder.ladder import compare
from lineproof.adapt.ladder.plan import Limits, Plan
from lineproof.adapt.ladder.ranking import Criterion, Difference
from lineproof.adapt.ladder.variants import PARTS, REFERENCE, Part, make_variants, write_presets
from lineproof.adapt.recipe import Colour, Geometry, Recipe, TileRecipe
from lineproof.adapt.stages import Stage
from lineproof.errors import GateError, InputError

RECIPE = Recipe(
    imgsz=64,
    steps=4,
    augment="mild",
    stages=(
        Stage(name="heads", train=("heads",), share=0.25),
        Stage(name="all", share=0.75, rates={"stem": 0.1, "neck": 0.5}),
    ),
    geometry=Geometry(mosaic=0.5, close_mosaic=0.3, scale=0.0, translate=0.0, flip_up_down=0.0),
    colour=Colour(value=0.4),
    paste=0.2,
    tiles=TileRecipe(slice=64),
)


def variants(*parts: Part, recipe: Recipe = RECIPE, out: Path = Path("/out")) -> dict[str, Recipe]:
    one = Candidate(rung="default", base="yolov8n", imgsz=64, recipe=recipe)
    return {variant.variant: variant.recipe for variant in make_variants(one, parts, out)}


def test_every_step_of_the_augmentation_is_taken_out_once(tmp_path: Path):
    found = variants("augment", out=tmp_path)
    assert list(found) == [
        REFERENCE,
        "without RandomBrightnessContrast",
        "without RandomGamma",
        "without mosaic",
        "without flip left right",
        "without value",
        "without paste",
        "no augmentation at all",
    ]
    assert found[REFERENCE] == RECIPE
    write_presets(RECIPE, tmp_path)
    left = load_augmentation(found["without RandomGamma"].augment)
    assert [step.name for step in left.transforms] == ["RandomBrightnessContrast"]
    nothing = found["no augmentation at all"]
    assert nothing.augment == "none"
    assert not any(value for value in nothing.geometry.model_dump().values() if isinstance(value, float))
    assert not any(nothing.colour.model_dump().values())


def test_only_what_is_named_changes():
    changed = variants("geometry")["without mosaic"]
    assert changed == RECIPE.model_copy(update={"geometry": RECIPE.geometry.model_copy(update={"mosaic": 0.0})})


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_variants_that_are_recipes(part: Part):
    found = variants(part)
    assert len(found) > 1
    assert all(recipe != RECIPE for name, recipe in found.items() if name != REFERENCE)


def test_a_stage_left_out_gives_its_time_to_the_others():
    found = variants("stages")
    assert list(found) == [REFERENCE, "without stage heads", "without stage all", "no stages"]
    assert [(stage.name, stage.share) for stage in found["without stage heads"].stages] == [("all", 1.0)]
    assert found["no stages"].stages == (Stage(),)


def test_rates_are_taken_out_one_by_one_and_together():
    found = variants("rates")
    assert found["without rate of stem"].stages[1].rates == {"neck": 0.5}
    assert found["one rate for all"].stages[1].rates == {}
    assert found["lr0 × 3"].lr0 == pytest.approx(0.003)
    assert found["without warmup steps"].warmup_steps == 0


def test_the_length_as_it_would_be_counted_in_passes():
    assert {name: (recipe.steps, recipe.epochs) for name, recipe in variants("steps").items()} == {
        REFERENCE: (4, None),
        "steps × 0.33": (1, None),
        "15 epochs instead of steps": (4, 15),
    }
    with pytest.raises(InputError, match="--ablate steps"):
        variants("steps", recipe=RECIPE.model_copy(update={"epochs": 3}))


def test_paste_and_tiles_are_taken_out():
    assert variants("paste")["without paste"].paste == 0
    assert variants("tiles")["without tiles"].tiles is None


def test_parts_add_up():
    assert set(variants("augment", "rates")) == set(variants("augment")) | set(variants("rates"))


def test_nothing_to_take_out_is_refused():
    numbers = {name: 0.0 for name, value in Geometry().model_dump().items() if isinstance(value, int | float)}
    still = RECIPE.model_copy(update={"geometry": Geometry(**numbers)})
    with pytest.raises(InputError, match="--ablate geometry: the recipe default has none"):
        variants("geometry", recipe=still)


@pytest.mark.parametrize(
    ("mean", "error", "low_is_good", "said"),
    [
        (-0.10, 0.02, False, "helps"),
        (+0.10, 0.02, False, "does not help"),
        (+0.10, 0.02, True, "helps"),
        (-0.10, 0.02, True, "does not help"),
        (-0.03, 0.02, False, "cannot be told"),
    ],
)
def test_what_makes_it_worse_when_left_out_helps(mean: float, error: float, low_is_good: bool, said: str):
    assert verdict(Difference(mean, error), low_is_good) == said


def trained(out: Path, quality: dict[str, float]):
    one = Candidate(rung="default", base="yolov8n", imgsz=64, recipe=RECIPE)
    wanted = Plan(
        kind="ablate",
        dataset="/data",
        dataset_hash="d" * 64,
        split_hash=SPLIT_HASH,
        candidates=make_variants(one, ("geometry",), out),
        seeds=(0, 1),
    )

    def answer(spec):
        value = quality[spec.candidate.variant]
        own = figures(value).model_copy(update={"map_drawn": (value,) * 100})
        return finished(spec, value).model_copy(update={"val": own})

    runner = ScriptedRunner(lambda _: 0.0, answer)
    return compare(wanted, out, Criterion(None, SPLIT_HASH), Limits(), runner, Told(), lambda _: {})


def test_each_change_is_told_against_the_recipe_as_it_is(tmp_path: Path):
    result = trained(tmp_path, {REFERENCE: 0.6, "without mosaic": 0.5, "without flip left right": 0.6})
    reference, found = effects(result)
    assert reference.candidate.variant == REFERENCE
    said = {effect.row.candidate.variant: (effect.change.mean, effect.verdict) for effect in found}
    assert said["without mosaic"] == (pytest.approx(-0.1), "helps")
    assert said["without flip left right"] == (0, "cannot be told")
    assert ablation_table(result).row_count == 2
    assert ablation_facts(result)["reference"]["mean"] == pytest.approx(0.6)


def test_without_the_reference_nothing_can_be_told(tmp_path: Path):
    quality = {REFERENCE: 0.6, "without mosaic": 0.5, "without flip left right": 0.6}
    result = trained(tmp_path, quality)
    next(row for row in result.rows if row.candidate.variant == REFERENCE).standing = None
    with pytest.raises(GateError, match="the recipe as it is could not be trained"):
        effects(result)
