"""Candidates, their names on the disk, and schedules made shorter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import candidate
from lineproof.adapt.ladder.candidate import Candidate, length_of, shortened, thirdings
from lineproof.adapt.recipe import Recipe, with_changes

WHOLE = Recipe(steps=1000, warmup_steps=50, validations=15)


@given(share=st.sampled_from([1, 1 / 3, 1 / 9, 1 / 27]), seed=st.integers(0, 1000))
def test_a_short_schedule_is_a_whole_one_in_small(share: float, seed: int):
    short = shortened(WHOLE, share, seed)
    assert (short.steps, short.seed) == (round(1000 * share), seed)
    assert (short.lr0, short.lrf, short.schedule, short.stages) == (WHOLE.lr0, WHOLE.lrf, WHOLE.schedule, WHOLE.stages)
    assert short.warmup_steps == round(50 * share)
    assert short.validations == max(1, round(15 * share))


@pytest.mark.parametrize(
    ("length", "third"),
    [({"epochs": 9}, "3 epochs"), ({"epochs": 3}, "1 epoch"), ({"minutes": 7.5}, "2.5 minutes"), ({}, "333 steps")],
)
def test_every_kind_of_length_can_be_cut_to_a_third(length: dict[str, float], third: str):
    recipe = with_changes(WHOLE, **length)
    assert length_of(shortened(recipe, 1 / 3, 0)) == third


@pytest.mark.parametrize(
    ("changes", "times"), [({}, 2), ({"epochs": 2}, 0), ({"epochs": 3}, 1), ({"epochs": 9}, 2), ({"validations": 1}, 0)]
)
def test_a_length_is_cut_no_further_than_to_one(changes: dict[str, float], times: int):
    assert thirdings(with_changes(WHOLE, **changes)) == times


def test_a_whole_schedule_is_the_recipe_itself():
    assert shortened(WHOLE, 1, WHOLE.seed) == WHOLE


@given(
    first=st.tuples(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12)),
    second=st.tuples(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12)),
)
def test_folders_are_plain_and_differ_as_candidates_do(first: tuple[str, str], second: tuple[str, str]):
    one, other = (candidate(rung, base) for rung, base in (first, second))
    assert re.fullmatch(r"[A-Za-z0-9._-]+", one.key)
    assert not one.key.startswith((".", "-"))
    assert (one.key == other.key) == (first == second)


def test_files_of_one_name_in_two_folders_differ():
    assert candidate("full", "a/best.pt").key != candidate("full", "b/best.pt").key
    assert candidate("full", "yolov8n").key == "full-yolov8n-64"


def test_a_variant_is_named_by_what_it_changed():
    one = Candidate(rung="default", base="auto", imgsz=64, variant="without mosaic", recipe=WHOLE)
    assert one.label == "without mosaic"
    assert one.key.startswith("default-auto-64-without-mosaic-")
