"""Candidates, their names on the disk, and schedules made shorter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import candidate
from lineproof.adapt.ladder.candidate import Candidate, shortened
from lineproof.adapt.recipe import Geometry, Recipe

WHOLE = Recipe(epochs=60, warmup_epochs=2.0, val_every=2, patience=25, geometry=Geometry(close_mosaic=20))


@given(epochs=st.integers(1, 60), seed=st.integers(0, 1000))
def test_a_short_schedule_is_a_whole_one_in_small(epochs: int, seed: int):
    short = shortened(WHOLE, epochs, seed)
    assert (short.epochs, short.seed) == (epochs, seed)
    assert (short.lr0, short.lrf, short.schedule) == (WHOLE.lr0, WHOLE.lrf, WHOLE.schedule)
    assert short.warmup_epochs == pytest.approx(2 * epochs / 60)
    assert short.geometry.close_mosaic == round(20 * epochs / 60)
    assert short.val_every <= epochs
    assert short.patience >= short.val_every


def test_a_whole_schedule_is_the_recipe_itself():
    assert shortened(WHOLE, 60, WHOLE.seed) == WHOLE


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
