from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from lineproof.proof.slices import _at_most, slices_by_name, slices_by_value


def test_the_worst_class_comes_first_and_is_called_weak():
    names = ["dent"] * 40 + ["scratch"] * 40
    found = np.array([True] * 38 + [False] * 2 + [True] * 15 + [False] * 25)
    worst, best = slices_by_name("class", names, found)
    assert (worst.name, worst.found.count, worst.found.of, worst.weak) == ("scratch", 15, 40, True)
    assert (best.name, best.weak) == ("dent", False)


def test_few_defects_are_never_called_weak():
    found = np.array([False] * 4 + [True] * 100)
    (worst, _) = slices_by_name("class", ["rare"] * 4 + ["common"] * 100, found)
    assert worst.found.value == 0
    assert not worst.weak


def test_a_lone_slice_has_nothing_to_be_compared_with():
    (only,) = slices_by_name("class", ["dent"] * 20, np.zeros(20, bool))
    assert not only.weak


def test_quarters_of_size_from_small_to_large():
    size = np.arange(1.0, 101.0)
    slices = slices_by_value("size", size, size > 25, "px")
    assert [s.name for s in slices] == ["1–25 px", "26–50 px", "51–75 px", "76–100 px"]
    assert [s.found.count for s in slices] == [0, 25, 25, 25]
    assert [s.weak for s in slices] == [True, False, False, False]


def test_equal_values_are_one_slice():
    (only,) = slices_by_value("brightness", np.full(9, 128.0), np.ones(9, bool))
    assert only.found.of == 9


def test_nothing_gives_nothing():
    assert slices_by_value("size", np.zeros(0), np.zeros(0, bool)) == ()
    assert slices_by_name("class", [], np.zeros(0, bool)) == ()


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), min_size=1, max_size=60))
def test_every_defect_is_in_exactly_one_slice(rows):
    values, found = np.array([v for v, _ in rows]), np.array([f for _, f in rows])
    slices = slices_by_value("size", values, found)
    assert sum(s.found.of for s in slices) == len(rows)
    assert sum(s.found.count for s in slices) == found.sum()


@pytest.mark.parametrize(("inside", "outside"), [((3, 10), (20, 25)), ((0, 8), (30, 30)), ((9, 10), (18, 20))])
def test_weak_is_fishers_exact_test(inside, outside):
    found = np.concatenate([np.arange(n) < k for k, n in (inside, outside)])
    names = ["a"] * inside[1] + ["b"] * outside[1]
    table = [[inside[0], inside[1] - inside[0]], [outside[0], outside[1] - outside[0]]]
    expected = fisher_exact(table, alternative="less").pvalue * 2 < 0.05
    (own,) = [s for s in slices_by_name("class", names, found) if s.name == "a"]
    assert own.weak == expected


@pytest.mark.parametrize(
    ("hits", "total", "marked", "drawn"), [(0, 20, 5, 4), (3, 50, 30, 7), (2, 1000, 990, 12), (5, 9, 5, 5)]
)
def test_the_chance_of_so_few_is_scipys(hits, total, marked, drawn):
    from scipy.stats import hypergeom

    assert _at_most(hits, total, marked, drawn) == pytest.approx(hypergeom.cdf(hits, total, marked, drawn), rel=1e-9)
