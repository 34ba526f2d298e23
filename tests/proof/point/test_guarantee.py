from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mapie.risk_control import BinaryClassificationController
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value, get_r_hat_plus

from lineproof.proof.intervals import upper_bound
from lineproof.proof.point.guarantee import (
    Guarantee,
    allowed_misses,
    bad_parts_needed,
    best_claim,
    binomial_p,
    loosest_threshold,
)

WORKED = np.array(
    [0.99, 0.97, 0.95, 0.93, 0.92, 0.9, 0.88, 0.85, 0.83, 0.8, 0.77, 0.74, 0.7, 0.66, 0.6, 0.55, 0.48, 0.4, 0.31, 0.22]
)


@pytest.mark.parametrize(
    ("bad", "escape", "crc", "ltt_95", "ltt_90"),
    [
        (99, 0.01, 0, None, None),
        (299, 0.01, 2, 0, 0),
        (500, 0.02, 9, 4, 5),
        (1000, 0.01, 9, 4, 5),
        (1000, 0.05, 49, 38, 40),
    ],
)
def test_allowed_misses(bad, escape, crc, ltt_95, ltt_90):
    """arXiv 2208.02814, ⌊α(n+1)⌋-1, and arXiv 2110.01052 with the exact binomial; computed."""
    assert allowed_misses("crc", bad, escape, 0.95) == crc
    assert allowed_misses("ltt", bad, escape, 0.95) == ltt_95
    assert allowed_misses("ltt", bad, escape, 0.90) == ltt_90


@pytest.mark.parametrize(("missed", "bad", "p"), [(0, 299, 0.049536), (4, 1000, 0.028686), (5, 1000, 0.066140)])
def test_p_of_one_percent(missed, bad, p):
    assert binomial_p(missed, bad, 0.01) == pytest.approx(p, abs=5e-7)


def test_hoeffding_bentkus_gives_parts_away():
    """0.077978 for 4 of 1000 at 1 %: e times the exact p, so 4 misses would not be allowed; MAPIE is the reference."""
    loose = float(compute_hoeffding_bentkus_p_value(np.array([0.004]), 1000, 0.01)[0, 0])
    assert loose == pytest.approx(0.077978, abs=5e-7)
    assert loose == pytest.approx(math.e * binomial_p(4, 1000, 0.01))


@pytest.mark.parametrize(("escape", "misses", "threshold"), [(0.10, 1, 0.31), (0.20, 3, 0.48)])
def test_worked_conformal_risk_control(escape, misses, threshold):
    """Twenty bad parts; computed."""
    allowed = allowed_misses("crc", 20, escape, 0.95)
    assert allowed == misses
    assert loosest_threshold(WORKED, allowed) == threshold


@pytest.mark.parametrize("digits", [1, 3, 8])
@pytest.mark.parametrize("escape", [0.05, 0.1, 0.2])
def test_conformal_risk_control_is_mapies(digits, escape):
    level = np.round(np.random.default_rng(digits).beta(4, 2, 150), digits)
    candidates = np.unique(level)
    missed = (level[:, None] < candidates).astype(float)
    _, bound = get_r_hat_plus(missed, candidates, "crc", None, None, None)
    theirs = candidates[bound <= escape].max()
    assert loosest_threshold(level, allowed_misses("crc", 150, escape, 0.95)) == theirs


@pytest.mark.parametrize("digits", [1, 3, 8])
@pytest.mark.parametrize("escape", [0.05, 0.1, 0.2])
def test_learn_then_test_is_mapies_with_a_fixed_sequence(digits, escape):
    rng = np.random.default_rng(digits)
    # A power of two: MAPIE rounds n · risk up, and 202 · (28/202) is 28.000000000000004 there, one miss too many.
    bad = np.arange(500) < 256
    score = np.round(np.where(bad, rng.beta(4, 2, 500), rng.beta(2, 4, 500)), digits)
    candidates = np.unique(score[bad])  # from strict to loose
    controller = BinaryClassificationController(
        lambda x: np.stack([1 - x, x], axis=1),
        risk="recall",
        target_level=1 - escape,
        confidence_level=0.95,
        list_predict_params=candidates,
        fwer_method="fixed_sequence",
    ).calibrate(score, bad.astype(int))
    ours = loosest_threshold(score[bad], allowed_misses("ltt", int(bad.sum()), escape, 0.95))
    assert ours == controller.valid_predict_params.max()


@given(st.lists(st.integers(0, 30), min_size=20, max_size=200), st.floats(0.02, 0.5), st.floats(0.5, 0.99))
def test_the_threshold_is_that_of_the_sequence_tested_one_by_one(levels, escape, confidence):
    level = np.array(levels) / 30
    allowed = allowed_misses("ltt", len(level), escape, confidence)
    last = None
    for candidate in np.unique(level):
        if binomial_p(int((level < candidate).sum()), len(level), escape) > 1 - confidence:
            break
        last = candidate
    assert (None if allowed is None else loosest_threshold(level, allowed)) == last


@pytest.mark.parametrize(
    ("kind", "missed", "escape", "confidence", "bad"),
    [
        ("ltt", 0, 0.01, 0.95, 299),  # the table of the exact bounds: 0, 1 and 2 misses at 1 % and 95 %
        ("ltt", 1, 0.01, 0.95, 473),
        ("ltt", 2, 0.01, 0.95, 628),
        ("ltt", 0, 0.0001, 0.99, 46050),
        ("crc", 0, 0.01, 0.95, 99),  # 1/α - 1
        ("crc", 0, 0.03, 0.95, 33),
        ("crc", 9, 0.01, 0.95, 999),
    ],
)
def test_parts_needed(kind, missed, escape, confidence, bad):
    assert bad_parts_needed(kind, missed, escape, confidence) == bad


counts = st.integers(1, 2000)
rates = st.floats(0.001, 0.6)
kinds = st.sampled_from(["ltt", "crc"])


@given(kinds, counts, rates, st.floats(0.5, 0.999))
@example("ltt", 191, 0.5, 0.5)  # a tie: the chance is exactly one half
def test_misses_allowed_are_the_most_and_the_claim_agrees(kind, bad, escape, confidence):
    allowed = allowed_misses(kind, bad, escape, confidence)
    if allowed is None:
        assert bad_parts_needed(kind, 0, escape, confidence) > bad
        assert best_claim(kind, 0, bad, confidence) > escape - 1e-12
        return
    assert bad_parts_needed(kind, allowed, escape, confidence) <= bad
    assert bad_parts_needed(kind, allowed + 1, escape, confidence) > bad
    assert best_claim(kind, allowed, bad, confidence) <= escape + 1e-9
    assert allowed < bad
    more = allowed_misses(kind, bad + 1, escape, confidence)
    assert more in (allowed, allowed + 1)


@given(counts, rates)
def test_confidence_costs_misses_and_the_average_allows_more(bad, escape):
    allowed = [allowed_misses("ltt", bad, escape, c) for c in (0.99, 0.95, 0.9, 0.7)]
    allowed.append(allowed_misses("crc", bad, escape, 0.95))
    assert [-1 if a is None else a for a in allowed] == sorted(-1 if a is None else a for a in allowed)


def test_the_fraction_is_the_one_that_was_typed():
    assert 0.29 * 100 < 29
    assert allowed_misses("crc", 99, 0.29, 0.95) == 28


def test_the_best_claim_is_the_one_sided_bound():
    assert best_claim("ltt", 2, 100, 0.95) == upper_bound(2, 100, 0.95)
    assert best_claim("crc", 2, 99, 0.95) == 0.03
    assert best_claim("ltt", 0, 0, 0.95) is None
    assert best_claim("ltt", 7, 7, 0.95) is None


@pytest.mark.parametrize(("escape", "confidence"), [(0, 0.95), (1, 0.95), (0.1, 0), (0.1, 1), (float("nan"), 0.9)])
def test_targets_that_are_none(escape, confidence):
    with pytest.raises(ValueError, match="expected a value between 0 and 1"):
        allowed_misses("ltt", 100, escape, confidence)
    with pytest.raises(ValueError, match="expected a value between 0 and 1"):
        bad_parts_needed("crc", 0, escape, confidence)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="expected 0 or more, got -1"):
        allowed_misses("ltt", -1, 0.1, 0.95)


def test_a_guarantee_says_which_sense_and_what_it_rests_on():
    sure = Guarantee("ltt", 0.01, 0.95, bad=1000, missed=3, allowed=4, unit="part")
    assert str(sure) == "escape ≤ 1 % with 95 % confidence; 3 of 1000 bad parts missed, 4 allowed"
    assert sure.as_dict()["p"] == pytest.approx(0.010073, abs=5e-7)
    assert "same bundle" in sure.as_dict()["assumes"][0]
    average = Guarantee("crc", 0.005, None, bad=400, missed=1, allowed=1, unit="group")
    assert str(average).startswith(
        "escape ≤ 0.5 % on average over calibrations, this one may lie above; 1 of 400 bad groups"
    )
