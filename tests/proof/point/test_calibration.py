from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.metrics.calibration import expected_calibration_error as mapie_error
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration, calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from lineproof.proof.intervals import clopper_pearson
from lineproof.proof.point.calibration import (
    ISOTONIC_OF_EACH,
    ISOTONIC_PARTS,
    LEAST_OF_EACH,
    AsIs,
    Isotonic,
    Platt,
    brier_score,
    expected_calibration_error,
    fit_calibrator,
    fit_isotonic,
    fit_platt,
    platt_targets,
    reliability_table,
)


def parts(count, seed=0, slope=6.0, middle=0.5, digits=None):
    rng = np.random.default_rng(seed)
    score = rng.random(count)
    if digits is not None:
        score = np.round(score, digits)
    return rng.random(count) < expit(slope * (score - middle)), score


@pytest.mark.parametrize("seed", range(5))
def test_platt_is_scikit_learns_targets_included(seed):
    bad, score = parts(300, seed, slope=8)
    ours, theirs = fit_platt(bad, score), _SigmoidCalibration().fit(score, bad)
    # Theirs is 1 / (1 + exp(a·score + b)), and stops at a gradient of 1e-6.
    assert (ours.slope, ours.intercept) == pytest.approx((-theirs.a_, -theirs.b_), rel=1e-3)


def test_platts_targets_are_no_certainties():
    """(N₊+1)/(N₊+2) and 1/(N₋+2), Platt 1999, section 2.2."""
    assert platt_targets(np.array([True, True, True, False])).tolist() == [0.8, 0.8, 0.8, 1 / 3]


def test_platt_exists_where_scores_separate():
    bad = np.arange(100) >= 50
    fitted = fit_platt(bad, np.where(bad, 0.9, 0.1))
    assert fitted.probability(np.array([0.1, 0.9])) == pytest.approx([1 / 52, 51 / 52], abs=1e-6)


@pytest.mark.parametrize("digits", [None, 2])
def test_isotonic_is_scikit_learns_at_the_centre_of_every_block(digits):
    bad, score = parts(2000, digits=digits)
    ours = fit_isotonic(bad, score)
    theirs = IsotonicRegression().fit(score, platt_targets(bad))
    assert len(ours.score) > 10
    # At the ends our lines go on to (0, 0) and (1, 1).
    assert np.array(ours.value[1:-1]) == pytest.approx(theirs.predict(ours.score[1:-1]))


@pytest.mark.parametrize(
    ("bad_parts", "good_parts", "kind"),
    [
        (LEAST_OF_EACH - 1, 5000, AsIs),
        (5000, LEAST_OF_EACH - 1, AsIs),
        (0, 5000, AsIs),
        (0, 0, AsIs),
        (LEAST_OF_EACH, LEAST_OF_EACH, Platt),
        (ISOTONIC_OF_EACH - 1, 5000, Platt),
        (ISOTONIC_OF_EACH, ISOTONIC_PARTS - ISOTONIC_OF_EACH - 1, Platt),
        (ISOTONIC_OF_EACH, ISOTONIC_PARTS - ISOTONIC_OF_EACH, Isotonic),
    ],
)
def test_the_number_of_parts_picks_the_method(bad_parts, good_parts, kind):
    bad = np.arange(bad_parts + good_parts) < bad_parts
    score = np.where(bad, 0.7, 0.3) + 0.2 * np.random.default_rng(0).random(len(bad))
    assert isinstance(fit_calibrator(bad, score), kind)


def test_scores_that_fall_for_bad_parts_are_left_alone():
    bad, score = parts(200, slope=-6)
    assert fit_calibrator(bad, score) == AsIs()


@pytest.mark.parametrize("count", [200, 4000])
def test_calibrated_probabilities_come_true(count):
    bad, score = parts(count, seed=1, slope=14, middle=0.7)
    later_bad, later = parts(20_000, seed=2, slope=14, middle=0.7)
    said = fit_calibrator(bad, score).probability(later)
    assert expected_calibration_error(reliability_table(later_bad, said)) < 0.035
    assert brier_score(later_bad, said) < 0.9 * brier_score(later_bad, later)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 6]), st.sampled_from([-5.0, 0.0, 3.0, 40.0]))
def test_every_isotonic_rises_from_0_to_1(seed, digits, slope):
    fitted = fit_isotonic(*parts(300, seed, slope, digits=digits))
    said = fitted.probability(np.linspace(0, 1, 1001))
    assert (said[0], said[-1]) == (0, 1)
    assert (np.diff(said) > 0).all()


def test_one_kind_of_parts_alone_still_rises():
    said = fit_isotonic(np.ones(10, np.bool_), np.linspace(0.2, 0.8, 10)).probability(np.linspace(0, 1, 11))
    assert (np.diff(said) > 0).all()
    assert said[5] == pytest.approx(11 / 12)


def test_reliability_is_scikit_learns_and_the_error_is_mapies():
    bad, score = parts(700, slope=3)
    rows = reliability_table(bad, score, bins=10)
    seen, said = calibration_curve(bad, score, n_bins=10)
    assert [row.seen for row in rows] == pytest.approx(seen.tolist())
    assert [row.said for row in rows] == pytest.approx(said.tolist())
    # MAPIE counts edges: eleven of them are ten bins.
    assert expected_calibration_error(rows) == pytest.approx(
        mapie_error(bad.astype(int), score, num_bins=11, split_strategy="uniform"), abs=1e-9
    )
    assert brier_score(bad, score) == pytest.approx(brier_score_loss(bad, score))


def test_a_row_has_its_exact_interval_and_empty_bins_are_left_out():
    rows = reliability_table(np.array([True, False, False]), np.array([0.95, 0.05, 0.0]))
    assert [(row.low, row.parts, row.bad) for row in rows] == [(0.0, 2, 0), (0.9, 1, 1)]
    assert rows[0].interval == clopper_pearson(0, 2)
    assert rows[0].as_dict() == {
        "low": 0.0,
        "high": 0.1,
        "parts": 2,
        "bad": 0,
        "said": 0.025,
        "seen": 0.0,
        "seen_low": 0.0,
        "seen_high": 0.841886,
    }


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"expected values in 0\.\.1"):
        reliability_table(np.array([True]), np.array([1.5]))
    with pytest.raises(ValueError, match=r"expected values in 0\.\.1"):
        brier_score(np.array([True]), np.array([np.nan]))
    with pytest.raises(ValueError, match="expected two columns"):
        brier_score(np.zeros(0, np.bool_), np.zeros(0))


def test_calibrators_are_plain_json():
    assert AsIs().as_dict() == {"method": "none"}
    assert Platt(2.0, -1.0).as_dict() == {"method": "platt", "slope": 2.0, "intercept": -1.0}
    assert Isotonic((0.0, 1.0), (0.0, 1.0)).as_dict() == {
        "method": "isotonic",
        "score": [0.0, 1.0],
        "value": [0.0, 1.0],
    }
