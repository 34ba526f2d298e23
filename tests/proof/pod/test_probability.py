from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from builders import detections
from lineproof.core import Detections
from lineproof.errors import InputError
from lineproof.proof.pod.false_calls import FalseCalls
from lineproof.proof.pod.fit import Minimum, PodRefused, fit_pod
from lineproof.proof.pod.logistic import HitMiss, SeparationError
from lineproof.proof.pod.matching import match_all
from lineproof.proof.pod.probability import pod_by_class, probability_of_detection, smallest_always_found
from lineproof.proof.rates import Rate
from proof.pod_data import BLISS, CHALLENGER, SIXTY, SYNTHETIC

FEW = Minimum(defects=5, hits=1, misses=1)


def test_the_scale_with_the_smaller_deviance_gives_the_curve():
    """Synthetic data of §3.4: deviance 2.4012 over ln a, 8.8184 over a."""
    pod = probability_of_detection(SYNTHETIC, name="scratch", unit="mm")
    assert [curve.scale for curve in pod.curves] == ["ln a", "a"]
    assert pod.curve.fit.deviance == pytest.approx(2.4012, abs=5e-5)
    assert pod.a90_95 == pytest.approx(0.87116, abs=6e-6)
    assert (pod.why_not, pod.warnings) == ("", ())
    assert str(pod) == "scratch: a90/95 = 0.871 mm, from 340 defects"


def test_the_largest_bound_of_the_scales_that_are_open_decides():
    """Sixty single hits: a is a little better than ln a, and gives 0.65666 beside the 0.80019 of §3.4."""
    pod = probability_of_detection(SIXTY, unit="mm")
    assert [curve.scale for curve in pod.curves] == ["a", "ln a"]
    assert pod.curves[0].wald == pytest.approx(0.65666, abs=6e-6)
    assert pod.a90_95 == pytest.approx(0.80019, abs=6e-6)


def test_a_scale_that_the_data_rule_out_has_no_say():
    many = HitMiss(SYNTHETIC.x, SYNTHETIC.hits * 10, SYNTHETIC.trials * 10)
    pod = probability_of_detection(many)
    assert [curve.scale for curve in pod.curves] == ["ln a"]
    assert pod.a90_95 == pod.curve.wald


def test_the_beetles_as_they_come():
    pod = probability_of_detection(BLISS, unit="log10 mg/l")
    assert pod.curve.fit.deviance == pytest.approx(11.2322, abs=5e-5)
    assert pod.a90_95 == pytest.approx(1.84733, abs=2e-3)  # ln a is left open and says a little more


def test_larger_and_less_often_found_is_refused():
    """Challenger: slope −0.232163 per °F."""
    with pytest.raises(PodRefused, match="larger defects were found less often: slope -"):
        fit_pod(CHALLENGER, minimum=FEW)
    pod = probability_of_detection(CHALLENGER, minimum=FEW)
    assert (pod.a90_95, pod.curve, pod.penalised) == (None, None, None)
    assert "not demonstrated: larger defects were found less often" in str(pod)


def test_too_few_data_say_how_many_more_and_of_which_sizes():
    with pytest.raises(PodRefused) as caught:
        fit_pod(CHALLENGER, unit="mm")
    assert caught.value.message == "23 defects, 7 hits, 16 misses: 60 defects, 10 hits and 10 misses are needed"
    assert caught.value.hint == (
        "collect 37 more defects between 53 and 81 mm; defects larger than 53 mm until 3 more are found"
    )
    easy = HitMiss.single(np.arange(1, 81), np.arange(1, 81) > 4)
    pod = probability_of_detection(easy)
    assert pod.why_not == "80 defects, 76 hits, 4 misses: 60 defects, 10 hits and 10 misses are needed"
    assert pod.remedy == "collect defects smaller than 4 px until 6 more are missed"
    assert pod.always_found.count == 76
    perfect = probability_of_detection(HitMiss.single(np.arange(5, 85), np.ones(80)))
    assert perfect.remedy == "collect defects smaller than 5 px until 10 more are missed"
    assert probability_of_detection(HitMiss.single([3, 4], [0, 0])).remedy == (
        "collect 58 more defects between 3 and 4 px; defects larger than 4 px until 10 more are found; "
        "defects smaller than 4 px until 8 more are missed"
    )


def test_separated_data_are_refused_with_firths_answer_beside():
    step = HitMiss.single(np.arange(1, 81), np.arange(1, 81) > 20)
    with pytest.raises(SeparationError, match="collect defects between 20 and 21"):
        fit_pod(step)
    pod = probability_of_detection(step)
    assert pod.a90_95 is None
    assert "every miss is smaller than every hit" in pod.why_not
    penalised = pod.as_dict()["penalised"]
    assert 20 < penalised["a50"] < 21 < penalised["a90"] < penalised["bound"]


def test_one_size_has_no_curve_at_all():
    pod = probability_of_detection(HitMiss.single(np.full(80, 3), np.arange(80) > 20))
    assert (pod.a90_95, pod.penalised) == (None, None)
    assert "one size" in pod.why_not


def test_an_infinite_band_is_not_demonstrated():
    rng = np.random.default_rng(2)
    size = rng.uniform(1, 10, 60)
    pod = probability_of_detection(HitMiss.single(size, rng.random(60) < 0.5 + 0.02 * size), unit="mm")
    assert pod.curves
    assert pod.a90_95 is None
    assert "does not reach 90 %" in pod.why_not
    assert pod.remedy.startswith("collect more defects between 1.")
    assert pod.as_dict()["curves"][0]["wald_bound"] is None


def test_nothing_is_claimed_beyond_the_largest_defect():
    keep = SYNTHETIC.x < 0.85
    small = HitMiss(SYNTHETIC.x[keep], SYNTHETIC.hits[keep], SYNTHETIC.trials[keep])
    pod = probability_of_detection(small, unit="mm")
    assert pod.a90_95 is None
    assert "beyond the largest defect tested, 0.8 mm" in pod.why_not
    assert pod.remedy == "collect larger defects, and more between 0.15 and 0.8 mm"
    assert pod.curves[0].wald > 0.8


def test_nothing_is_claimed_below_the_smallest_defect():
    rng = np.random.default_rng(1)
    size = rng.uniform(5, 20, 4000)
    pod = probability_of_detection(HitMiss.single(size, rng.random(4000) < expit(1 + 0.45 * size)), unit="mm")
    assert pod.curve.wald < size.min()
    assert pod.a90_95 == size.min()
    assert any("below the smallest defect tested" in warning for warning in pod.warnings)
    assert any("a50 lies outside the sizes tested" in warning for warning in pod.warnings)


def test_missed_large_defects_are_a_warning_and_below_ninety_percent_a_refusal():
    rng = np.random.default_rng(2)
    size = rng.uniform(1, 60, 500)
    chance = rng.random(500)
    some = probability_of_detection(HitMiss.single(size, chance < 0.95 * expit((size - 20) / 3)))
    assert some.a90_95 is not None
    assert any("large defects are missed too" in warning for warning in some.warnings)
    many = probability_of_detection(HitMiss.single(size, chance < 0.85 * expit((size - 20) / 3)))
    assert many.a90_95 is None
    assert many.why_not.startswith("large defects are missed: the POD levels off at 8")


@pytest.mark.parametrize(
    ("hit", "size", "count", "bound"),
    [
        ([0, 1, 0, 1, 1, 1], 4, 3, 0.05 ** (1 / 3)),
        ([1, 1, 1, 1, 1, 1], 1, 6, 0.05 ** (1 / 6)),
        ([0, 0, 0, 0, 0, 1], 6, 1, 0.05),
    ],
)
def test_smallest_size_from_which_all_were_found(hit, size, count, bound):
    always = smallest_always_found(HitMiss.single([1, 2, 3, 4, 5, 6], hit))
    assert (always.size, always.count) == (size, count)
    assert always.lower_bound == pytest.approx(bound)


def test_always_found_has_the_classic_bound_and_can_be_nothing():
    always = smallest_always_found(HitMiss([1, 2], [3, 29], [5, 29]))
    assert always.lower_bound == pytest.approx(0.9019, abs=5e-5)  # 29 of 29, NASA/TP-2011-217176
    assert smallest_always_found(HitMiss.single([1, 2, 2], [1, 1, 0])) is None


def test_going_down_to_the_first_miss_keeps_the_promise_of_the_bound():
    """Inverse sampling: in at most 5 % of studies is the bound above the true share."""
    rng = np.random.default_rng(0)
    for true in (0.7, 0.9, 0.97):
        runs = rng.geometric(1 - true, 20_000) - 1  # hits before the first miss
        bound = np.where(runs > 0, 0.05 ** (1 / np.maximum(runs, 1)), 0)
        assert np.mean(bound > true) <= 0.054


def test_a_defect_without_size_is_named():
    with pytest.raises(InputError, match="defect 1: size 0, expected more than 0"):
        probability_of_detection(HitMiss.single([1, 0, 2], [1, 0, 1]))


def images(count: int, seed: int) -> tuple[list[Detections], list[Detections]]:
    """One scratch each, found the likelier the larger; a false pit on every tenth image."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for number in range(count):
        side = float(rng.integers(2, 40))
        box = (10.0, 10.0, 10 + side, 10 + side)
        truth.append(detections((*box, 1, 0)))
        rows = [(*box, 0.9, 0)] if rng.random() < expit((side - 12) / 2) else [(*box, 0.2, 0)]
        found.append(detections(*rows, *([(60, 60, 70, 70, 0.8, 1)] if number % 10 == 0 else [])))
    return truth, found


def test_from_detections_to_the_figure_of_each_class():
    truth, found = images(200, seed=4)
    matches = match_all(truth, found, mm_per_px=0.1)
    pods = pod_by_class(matches, ("scratch", "pit"), 0.5, area=200 * 100.0)
    scratch, pit = pods["scratch"], pods["pit"]
    assert scratch.unit == "mm"
    assert 1.5 < scratch.curve.size_at(0.9) < scratch.a90_95 < 2.6  # the truth is 1.64
    assert scratch.false_calls == FalseCalls(0, Rate(0, 200), 20_000.0, "mm²")
    assert (pit.a90_95, pit.always_found) == (None, None)
    assert pit.why_not.startswith("0 defects, 0 hits, 0 misses")
    assert pit.remedy.startswith("collect 60 more defects; ")
    assert pit.false_calls.count == 20
    assert pit.false_calls.images_with == Rate(20, 200)
    lower = pod_by_class(matches, ("scratch", "pit"), [0.1, 0.9])
    assert lower["scratch"].found == Rate(200, 200)
    assert lower["pit"].false_calls.count == 0


def test_every_answer_is_json():
    truth, found = images(120, seed=1)
    pods = [*pod_by_class(match_all(truth, found), ("scratch", "pit"), 0.5).values()]
    pods.append(probability_of_detection(HitMiss.single(np.arange(1, 81), np.arange(1, 81) > 20)))
    text = json.dumps([pod.as_dict() for pod in pods], allow_nan=False)
    first = json.loads(text)[0]
    assert first["a50"] < first["a90"] < first["a90_95"]
    assert first["curves"][0]["for_information"]["delta"] < first["curves"][0]["wald_bound"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=80))
def test_a_demonstrated_size_was_tested_and_lies_above_the_estimate(rows):
    size, hit = zip(*rows, strict=True)
    pod = probability_of_detection(HitMiss.single(size, hit), minimum=FEW)
    json.dumps(pod.as_dict(), allow_nan=False)
    assert (pod.a90_95 is None) == bool(pod.why_not)
    if pod.a90_95 is not None:
        assert min(size) <= pod.a90_95 <= max(size)
        assert all(curve.size_at(0.9) <= pod.a90_95 for curve in pod.curves)
        assert all(curve.band(pod.a90_95)[0] >= 0.9 - 1e-9 for curve in pod.curves)


@settings(max_examples=25)
@given(st.integers(1, 40), st.floats(0.1, 10))
def test_one_more_miss_never_makes_it_better(place, unit):
    """A large defect that is missed can only raise the size that is demonstrated, or take it away."""
    size = np.append(SIXTY.x, 1.0 + place / 20) * unit
    with_miss, with_hit = (
        probability_of_detection(HitMiss.single(size, np.append(SIXTY.hits, last))) for last in (0, 1)
    )
    assert with_hit.a90_95 is not None
    assert with_miss.a90_95 is None or with_miss.a90_95 > with_hit.a90_95
