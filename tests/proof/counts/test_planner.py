"""Known answers: how many bad parts prove an escape rate, computed from the exact binomial with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from lineproof.proof.counts.planner import (
    ALLOWED_MISSES,
    Stage,
    chance_of_acceptance,
    chance_of_passing,
    chance_of_topping_up,
    chance_to_notice,
    escape_for_ppm,
    outgoing_ppm,
    parts_needed,
    plans,
    reject_rate,
    supportable,
)
from lineproof.proof.intervals import upper_bound

# Escape rate: parts for 0, 1, 2, 3 and 5 allowed misses at 90, 95 and 99 % confidence.
# In it the classic 90/95 demonstrations of NDE: 29 of 29, 45 of 46, 59 of 61 (NASA/TP-2011-217176).
TABLE = {
    0.1: "22/38/52/65/91 29/46/61/76/103 44/64/81/97/127",
    0.05: "45/77/105/132/184 59/93/124/153/208 90/130/165/198/259",
    0.02: "114/194/265/333/462 149/236/313/386/523 228/330/418/499/652",
    0.01: "230/388/531/667/926 299/473/628/773/1049 459/662/838/1001/1307",
    0.005: "460/777/1063/1335/1853 598/947/1258/1549/2100 919/1325/1678/2006/2618",
    0.002: "1151/1944/2660/3339/4636 1497/2371/3146/3875/5254 2301/3317/4200/5020/6551",
    0.001: "2302/3889/5321/6679/9273 2995/4742/6294/7752/10511 4603/6636/8403/10042/13105",
    0.0005: "4605/7778/10643/13360/18548 5990/9486/12590/15505/21024 9209/13274/16809/20087/26213",
    0.0001: "23025/38896/53222/66806/92745 29956/47437/62956/77535/105128 46050/66381/84057/100448/131081",
}


@pytest.mark.parametrize("escape", TABLE)
@pytest.mark.parametrize(("column", "confidence"), [(0, 0.90), (1, 0.95), (2, 0.99)])
def test_the_whole_table(escape, column, confidence):
    want = [int(n) for n in TABLE[escape].split()[column].split("/")]
    assert [parts_needed(escape, confidence, misses) for misses in ALLOWED_MISSES] == want


def test_the_chance_of_passing_is_told_before_parts_are_collected():
    rows = plans(0.01, 0.002, 0.95)
    assert [(row.parts, row.misses) for row in rows] == [(299, 0), (473, 1), (628, 2), (773, 3), (1049, 5)]
    assert [round(row.chance, 2) for row in rows[:4]] == [0.55, 0.76, 0.87, 0.93]  # true escape 0.2 %
    assert rows[0].as_dict() == {"parts": 299, "misses_allowed": 0, "chance_of_passing": 0.5496}


@pytest.mark.parametrize(
    ("parts", "misses", "rate", "chance"),
    [
        (125, 2, 0.0065, 0.9513),  # ISO 2859-1 code letter K, AQL 0.65
        (125, 2, 0.02, 0.5425),
        (125, 2, 0.05, 0.0477),
        (80, 1, 0.0065, 0.9042),
        (80, 1, 0.02, 0.5230),
        (80, 1, 0.05, 0.0861),
    ],
)
def test_operating_characteristic_of_lot_plans(parts, misses, rate, chance):
    assert chance_of_passing(parts, misses, rate) == pytest.approx(chance, abs=0.51e-4)


@pytest.mark.parametrize(("parts", "misses", "quality"), [(125, 2, 0.0420), (80, 1, 0.0478)])
def test_the_quality_that_a_lot_plan_passes_once_in_ten(parts, misses, quality):
    assert upper_bound(misses, parts, 0.90) == pytest.approx(quality, abs=0.51e-4)


def test_the_p_value_of_scipys_manual():
    assert 1 - chance_of_passing(15, 2, 0.1) == pytest.approx(0.18406107, abs=0.51e-8)
    assert binomtest(3, 15, 0.1, alternative="greater").pvalue == pytest.approx(0.18406107, abs=0.51e-8)


@settings(deadline=None)
@given(st.floats(1e-5, 0.5), st.sampled_from([0.8, 0.9, 0.95, 0.99]), st.integers(0, 30))
def test_a_plan_is_the_smallest_that_proves_it(escape, confidence, misses):
    parts = parts_needed(escape, confidence, misses)
    assert upper_bound(misses, parts, confidence) <= escape * (1 + 1e-9)
    assert upper_bound(misses, parts - 1, confidence) > escape * (1 - 1e-9)
    assert binom.cdf(misses, parts, escape) <= (1 - confidence) * (1 + 1e-9)
    assert parts_needed(escape, confidence, misses + 1) > parts
    assert parts_needed(escape / 2, confidence, misses) > parts


@given(st.integers(0, 2000), st.integers(0, 40), st.floats(0, 1))
def test_the_chance_of_passing_is_scipys(parts, misses, rate):
    assert chance_of_passing(parts, misses, rate) == pytest.approx(binom.cdf(misses, parts, rate), rel=1e-7, abs=1e-12)


def test_parts_at_hand():
    now = supportable(300, 1, 0.01)
    assert now.claim == pytest.approx(upper_bound(1, 300))
    assert not now.supported
    assert now.more_without_miss == 173  # 473 in all
    total = 300 + now.more_at_observed_rate
    assert upper_bound(int(np.ceil(total / 300)), total) <= 0.01
    assert now.as_dict()["claim"] == 0.015715 >= now.claim  # rounded up


def test_parts_at_hand_that_are_enough():
    now = supportable(299, 0, 0.01)
    assert (now.supported, now.more_without_miss, now.more_at_observed_rate) == (True, 0, 0)
    assert not supportable(298, 0, 0.01).supported


def test_without_a_miss_both_forecasts_are_one():
    now = supportable(100, 0, 0.01)
    assert now.more_without_miss == now.more_at_observed_rate == 199


def test_no_number_is_made_up():
    assert supportable(0, 0, 0.01).claim is None
    assert supportable(3, 3, 0.01).claim is None
    assert supportable(300, 3, 0.01).more_at_observed_rate is None  # misses come exactly at the target's rate
    assert supportable(300, 6, 0.01).as_dict()["more_at_observed_rate"] is None


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(0, 5), st.sampled_from([0.005, 0.01, 0.05]))
def test_forecasts_keep_what_they_say(parts, misses, target):
    misses = min(misses, parts)
    now = supportable(parts, misses, target)
    total = parts + now.more_without_miss
    assert upper_bound(misses, total) <= target * (1 + 1e-9)
    assert now.supported == (upper_bound(misses, parts) <= target * (1 + 1e-12))
    if now.more_at_observed_rate is not None:
        total = parts + now.more_at_observed_rate
        assert now.more_at_observed_rate >= now.more_without_miss
        assert upper_bound(int(np.ceil(misses / parts * total - 1e-9)), total) <= target * (1 + 1e-9)


def test_going_down_the_table_until_a_row_passes_is_no_95_percent():
    rows = plans(0.01, 0.002)
    risk = chance_of_topping_up(rows, 0.01)
    assert max(chance_of_passing(row.parts, row.misses, 0.01) for row in rows) <= 0.05
    assert risk == pytest.approx(0.1233, abs=1e-4)
    rng = np.random.default_rng(0)
    steps = np.diff([0, *(row.parts for row in rows)])
    seen = np.cumsum(rng.binomial(steps, 0.01, size=(200_000, len(rows))), axis=1)
    passed = (seen <= [row.misses for row in rows]).any(axis=1).mean()
    assert passed == pytest.approx(risk, abs=0.003)  # 4 standard errors


def test_one_look_is_a_plan_and_rejection_ends_it():
    assert chance_of_acceptance([Stage(299, 0, 1)], 0.002) == pytest.approx(chance_of_passing(299, 0, 0.002))
    assert chance_of_acceptance([Stage(10, -1, 1), Stage(10, 5, 6)], 0.1) == pytest.approx(0.9**10)
    assert chance_of_acceptance([Stage(10, -1, 0), Stage(10, 5, 6)], 0.1) == 0
    assert chance_of_acceptance([Stage(10, -1, 6), Stage(20, 10, 11)], 1.0) == 0
    with pytest.raises(ValueError, match="growing numbers of parts, got 5 after 10"):
        chance_of_acceptance([Stage(10, -1, 6), Stage(5, 0, 6)], 0.1)
    with pytest.raises(ValueError, match="true rate"):
        chance_of_acceptance([Stage(10, 0, 1)], 1.1)


def test_what_is_shipped():
    assert outgoing_ppm(0.01, 0.02, 0.02) == pytest.approx(208.2, abs=0.05)
    assert reject_rate(0.01, 0.02, 0.02) == pytest.approx(0.0394)
    assert outgoing_ppm(0, 0.02) == 0
    assert outgoing_ppm(1, 0.02) == pytest.approx(20_000)


@pytest.mark.parametrize(("ppm", "prior", "escape"), [(100, 0.02, 0.005), (10, 0.005, 0.002)])
def test_a_shipping_target_asks_for_an_escape_rate(ppm, prior, escape):
    """The rule ppm / π to its one digit; what is shipped is fewer than what is made, so the exact limit is below it."""
    exact = escape_for_ppm(ppm, prior)
    assert float(f"{exact:.1g}") == escape
    assert exact < ppm / 1e6 / prior


@given(st.floats(0.1, 1e5), st.floats(1e-4, 0.5), st.floats(0, 0.9))
def test_shipping_target_and_escape_are_inverse(ppm, prior, overkill):
    escape = escape_for_ppm(ppm, prior, overkill)
    if escape < 1:
        assert outgoing_ppm(escape, prior, overkill) == pytest.approx(ppm)
    else:
        assert outgoing_ppm(1, prior, overkill) <= ppm * (1 + 1e-9)


@pytest.mark.parametrize(("parts", "chance"), [(10, 0.4013), (30, 0.7854), (0, 0.0)])
def test_challenge_parts_prove_alive_not_an_escape_rate(parts, chance):
    assert chance_to_notice(parts, 0.05) == pytest.approx(chance, abs=0.51e-4)


def test_challenge_parts_for_a_chance():
    assert parts_needed(0.05, 0.785, 0) == 30
    assert chance_to_notice(59, 0.05) >= 0.95 > chance_to_notice(58, 0.05)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: parts_needed(0, 0.95), "escape: expected a value between 0 and 1, got 0"),
        (lambda: parts_needed(0.01, 95), "confidence: expected a value between 0 and 1, got 95"),
        (lambda: parts_needed(0.01, 0.95, -1), "misses: expected 0 or more, got -1"),
        (lambda: chance_of_passing(-1, 0, 0.1), "parts and misses: expected 0 or more"),
        (lambda: chance_of_passing(10, 0, 1.5), r"true rate: expected 0\.\.1, got 1\.5"),
        (lambda: supportable(5, 6, 0.01), r"hits: expected 0\.\.5, got 6"),
        (lambda: supportable(5, 0, 1), "target: expected a value between 0 and 1, got 1"),
        (lambda: outgoing_ppm(1.1, 0.02), r"escape: expected 0\.\.1, got 1\.1"),
        (lambda: outgoing_ppm(0.01, 0), "prior: expected a value between 0 and 1, got 0"),
        (lambda: outgoing_ppm(0.01, 0.02, 1), "overkill: expected"),
        (lambda: escape_for_ppm(0, 0.02), "ppm / 1e6: expected a value between 0 and 1"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
