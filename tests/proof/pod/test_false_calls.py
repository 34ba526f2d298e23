from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from lineproof.proof.pod.false_calls import FalseCalls, poisson_interval
from lineproof.proof.rates import Rate


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904)],  # Garwood's table
)
def test_the_published_table(count, low, high):
    assert poisson_interval(count, 1) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 200), st.floats(0.1, 1000))
def test_the_ends_are_where_the_count_becomes_unlikely(count, exposure):
    low, high = poisson_interval(count, exposure)
    assert low <= count / exposure <= high
    assert poisson.cdf(count, high * exposure) == pytest.approx(0.025, rel=1e-6)
    if count:
        assert poisson.sf(count - 1, low * exposure) == pytest.approx(0.025, rel=1e-6)


def test_per_image_and_per_area():
    calls = FalseCalls(5, Rate(4, 100), area=50.0)
    assert (calls.per_image, calls.per_area) == (0.05, 0.1)
    assert calls.per_image_interval == pytest.approx((0.016235, 0.116683), abs=5e-7)
    assert calls.per_area_interval == pytest.approx((0.03247, 0.233366), abs=5e-6)
    assert str(calls) == "5 false calls, 0.05 an image (95 %: 0.0162 – 0.117)"
    assert calls.as_dict()["per_area_interval"] == [0.03247, 0.23337]
    unknown = FalseCalls(0, Rate(0, 10)).as_dict()
    assert unknown["per_area"] is unknown["per_area_interval"] is None
    assert unknown["per_image_interval"] == [0.0, 0.36889]


@pytest.mark.parametrize(("count", "images"), [(1, Rate(0, 5)), (2, Rate(3, 5)), (0, Rate(0, 0))])
def test_counts_that_contradict_each_other_are_refused(count, images):
    with pytest.raises(ValueError, match="false calls on"):
        FalseCalls(count, images)


def test_no_area_and_no_exposure_are_refused():
    with pytest.raises(ValueError, match="area: expected more than 0 mm²"):
        FalseCalls(0, Rate(0, 5), area=0.0)
    for count, exposure in ((-1, 1.0), (1, 0.0)):
        with pytest.raises(ValueError, match="exposure above 0"):
            poisson_interval(count, exposure)
