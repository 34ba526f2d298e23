import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm
from statsmodels.stats.contingency_tables import mcnemar

from lineproof.proof.comparison import (
    Finding,
    PairedRate,
    compare_bundles,
    discordant_needed,
    least_discordant,
    mcnemar_exact,
    paired_difference,
)

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (10, 2, 0.038574),
        (25, 12, 0.047031),
        (6, 16, 0.052479),  # Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables (2017), chapter 8
        (0, 0, 1.0),
    ],
)
def test_mcnemar_published(only_a, only_b, p):
    assert round(mcnemar_exact(only_a, only_b), 6) == p


@given(counts, counts)
def test_mcnemar_agrees_with_statsmodels(only_a, only_b):
    theirs = mcnemar([[5, only_a], [only_b, 7]], exact=True).pvalue if only_a + only_b else 1.0
    assert mcnemar_exact(only_a, only_b) == pytest.approx(theirs)
    assert mcnemar_exact(only_a, only_b) == mcnemar_exact(only_b, only_a)


@pytest.mark.parametrize(
    ("plus", "minus", "of", "low", "high"),
    [  # chapter 8 of Fagerland, Lydersen & Laake (2017): Tango's asymptotic score interval of both examples
        (6, 16, 161, -0.1240, -0.0054),  # Cavo et al. 2012
        (1, 7, 21, -0.517, -0.026),  # Bentur et al. 2009
    ],
)
def test_tango_published(plus, minus, of, low, high):
    assert tuple(paired_difference(minus, plus, of)) == pytest.approx((low, high), abs=5e-4 if of == 21 else 5e-5)


def test_without_discordant_parts_the_interval_is_no_point():
    """The score test's quadratic gives ± z²/(n + z²); Wald and Newcombe's method 1 give 0 – 0."""
    z2 = norm.ppf(0.975) ** 2
    assert paired_difference(0, 0, 30) == pytest.approx((-z2 / (30 + z2), z2 / (30 + z2)))
    low, high = paired_difference(0, 30, 30)
    assert (low, high) == (pytest.approx((30 - z2) / (30 + z2)), 1.0)
    assert paired_difference(0, 0, 0) == (-1.0, 1.0)


@pytest.mark.parametrize(("only_a", "only_b", "of"), [(10, 2, 50), (2, 0, 40), (7, 9, 30), (1, 0, 1000)])
def test_the_bounds_solve_the_score_test(only_a, only_b, of):
    """Another road: the likeliest table under a difference is found by search, and its score is z."""
    for bound in paired_difference(only_a, only_b, of):

        def lack(share, bound=bound):  # of "only A"; "only B" is `bound` more
            cells = np.array([share, share + bound, 1 - 2 * share - bound])
            return -float(np.array([only_a, only_b, of - only_a - only_b]) @ np.log(np.maximum(cells, 1e-300)))

        low, high = max(0.0, -bound), (1 - bound) / 2
        share = minimize_scalar(lack, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        score = (only_b - only_a - of * bound) / math.sqrt(of * (2 * share + bound - bound**2))
        assert abs(score) == pytest.approx(norm.ppf(0.975), rel=2e-3)


@given(counts, counts, st.integers(0, 5000))
def test_the_interval_holds_the_difference_and_turns_with_the_sides(only_a, only_b, concordant):
    of = only_a + only_b + concordant
    low, high = paired_difference(only_a, only_b, of)
    assert -1 <= low <= high <= 1
    if of:
        assert low <= (only_b - only_a) / of <= high
    assert paired_difference(only_b, only_a, of) == pytest.approx((-high, -low), abs=1e-9)
    wider = paired_difference(only_a, only_b, of, confidence=0.99)
    assert wider.low <= low + 1e-9
    assert high <= wider.high + 1e-9


@cache
def held(of, difference):
    """Which tables `(only A, only B)` have an interval that holds the difference."""
    table = np.full((of + 1, of + 1), fill_value=False)
    for a in range(of + 1):
        for b in range(of + 1 - a):
            if abs(b - a - of * difference) < 6 * math.sqrt(of * (abs(difference) + 0.3)):
                low, high = paired_difference(a, b, of)
                table[a, b] = low <= difference <= high
    return table


@pytest.mark.parametrize(
    ("share_a", "share_b"),
    [(0.02, 0.02), (0.05, 0.05), (0.05, 0.0), (0.01, 0.0), (0.1, 0.05), (0.2, 0.15), (0.25, 0.05)],
)
def test_the_interval_keeps_its_promise(share_a, share_b):
    """Coverage at 60 parts, not drawn but summed over every table; Wald has 81 % at (0.05, 0), 45 % at (0.01, 0)."""
    of = 60
    a, b = np.meshgrid(np.arange(of + 1), np.arange(of + 1), indexing="ij")
    rest = np.maximum(of - a, 0)
    chance = binom.pmf(a, of, share_a) * binom.pmf(b, rest, share_b / (1 - share_a)) * (a + b <= of)
    assert chance.sum() == pytest.approx(1)
    assert (chance * held(of, round(share_b - share_a, 6))).sum() > 0.94


@pytest.mark.parametrize(("only_a", "only_b"), [(-1, 2), (3, -1), (4, 4)])
def test_impossible_counts_are_refused(only_a, only_b):
    with pytest.raises(ValueError, match="discordant parts: expected counts"):
        paired_difference(only_a, only_b, 7)
    if min(only_a, only_b) < 0:
        for function in (mcnemar_exact, discordant_needed):
            with pytest.raises(ValueError, match="discordant parts: expected counts"):
                function(only_a, only_b)


def test_six_discordant_parts_are_the_least():
    assert least_discordant() == 6
    assert mcnemar_exact(0, 6) < 0.05 < mcnemar_exact(0, 5)
    assert discordant_needed(3, 0) == 6
    assert discordant_needed(0, 0) is None
    assert discordant_needed(4, 4) is None
    assert discordant_needed(10_000, 10_001) is None


@pytest.mark.parametrize(("only_a", "only_b"), [(2, 1), (3, 1), (9, 4), (1, 5)])
def test_so_many_discordant_parts_do_find_the_difference(only_a, only_b):
    needed = discordant_needed(only_a, only_b)
    share = max(only_a, only_b) / (only_a + only_b)
    for n, enough in ((needed, True), (needed - 1, False)):
        k = np.arange(n + 1)
        found = np.array([mcnemar_exact(int(i), n - int(i)) <= 0.05 for i in k]) & (k > n / 2)
        assert (binom.pmf(k, n, share)[found].sum() >= 0.8) == enough


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_clearer_split_needs_no_more_parts(first, second):
    rarer, more = sorted((first, second))
    if rarer < more:
        needed, clearer = discordant_needed(rarer, more), discordant_needed(rarer, more + 3)
        assert needed is None or clearer <= needed
        assert discordant_needed(more, rarer) == needed


def rows(*groups):
    """Columns from groups of (times, bad, A passed, B passed)."""
    bad, a, b = (np.repeat([g[i] for g in groups], [g[0] for g in groups]).astype(np.bool_) for i in (1, 2, 3))
    return [f"part {i}" for i in range(len(bad))], bad, a, b


def test_b_is_better_on_escapes_and_nothing_is_shown_of_overkill():
    result = compare_bundles(
        *rows((10, 1, 1, 0), (2, 1, 0, 1), (3, 1, 1, 1), (45, 1, 0, 0), (7, 0, 1, 0), (4, 0, 0, 1), (200, 0, 1, 1))
    )
    escapes, overkill, wrong = result.escapes, result.overkill, result.wrong
    assert (escapes.only_a, escapes.only_b, escapes.both, escapes.of) == (10, 2, 3, 60)
    assert round(escapes.p_value, 6) == 0.038574
    assert escapes.finding is Finding.BETTER
    assert escapes.interval.high < 0
    assert (overkill.only_a, overkill.only_b, overkill.both, overkill.of) == (4, 7, 0, 211)
    assert overkill.finding is Finding.NOT_SHOWN
    assert (wrong.only_a, wrong.only_b, wrong.both, wrong.of) == (14, 9, 3, 271)
    lines = result.verdict.splitlines()
    assert lines[0].startswith("escapes: B is better (10 by A alone, 2 by B alone, 3 by both of 60; B − A -13.3%")
    assert "no difference shown" in lines[1]
    assert lines[1].endswith(
        "108 discordant parts, about 2072 in all, would be needed to show it four times in five, if they fall 4 to 7 as here"
    )


def test_b_is_worse():
    result = compare_bundles(*rows((8, 1, 0, 1), (10, 1, 0, 0)))
    assert result.escapes.finding is Finding.WORSE
    assert "overkill: no such parts: cannot be compared" in result.verdict
    assert result.overkill.as_dict()["difference"] is None


def test_bundles_that_agree_have_shown_nothing():
    result = compare_bundles(*rows((30, 1, 0, 0), (30, 0, 1, 1)))
    assert result.escapes.finding is Finding.NOT_SHOWN
    assert "at least 6 discordant parts, all one way, would be needed" in str(result.escapes)
    assert result.escapes.interval.high > 0.1
    assert result.disagreements == ()


def test_the_dangerous_parts_come_first():
    parts, bad, a, b = rows((2, 0, 0, 1), (2, 0, 1, 0), (2, 1, 1, 0), (2, 1, 0, 1), (3, 1, 0, 0))
    found = compare_bundles(parts, bad, a, b).disagreements
    assert [(d.part, d.bad, d.passed_by) for d in found] == [
        ("part 6", True, "B"),
        ("part 7", True, "B"),
        ("part 4", True, "A"),
        ("part 5", True, "A"),
        ("part 2", False, "A"),
        ("part 3", False, "A"),
        ("part 0", False, "B"),
        ("part 1", False, "B"),
    ]
    assert found[0].as_dict() == {"part": "part 6", "truth": "bad", "passed_by": "B"}


def test_columns_that_do_not_fit():
    yes = np.ones(2, np.bool_)
    with pytest.raises(ValueError, match="columns: 1 parts, 2, 2 and 2 rows"):
        compare_bundles(["a"], yes, yes, yes)
    with pytest.raises(ValueError, match="one occurs twice"):
        compare_bundles(["a", "a"], yes, yes, yes)


def test_a_hundred_thousand_parts():
    rng = np.random.default_rng(0)
    n = 100_000
    bad = rng.random(n) < 0.02
    a, b = (bad == (rng.random(n) < error) for error in (0.010, 0.006))
    result = compare_bundles([str(i) for i in range(n)], bad, a, b)
    assert result.wrong.finding is Finding.BETTER
    assert result.wrong.interval.low < result.wrong.difference < result.wrong.interval.high < 0
    assert len(result.disagreements) == result.escapes.discordant + result.overkill.discordant


def test_json_has_the_finding_in_words():
    facts = PairedRate("escapes", 60, 3, 10, 2).as_dict()
    assert facts["finding"] == "better"
    assert facts["p_value"] == 0.038574
