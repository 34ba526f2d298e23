from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.errors import InputError
from lineproof.proof.intervals import upper_bound
from lineproof.proof.point.cost import Costs, at_base_rate, cost_curve, elkan_threshold


@pytest.mark.parametrize(("overkill", "escape", "threshold"), [(5, 500, 0.00990099), (1, 50, 0.01960784)])
def test_elkans_threshold(overkill, escape, threshold):
    """Elkan 2001, C_overkill/(C_overkill + C_escape); computed."""
    assert elkan_threshold(escape, overkill) == pytest.approx(threshold, abs=5e-9)


@pytest.mark.parametrize(("escape", "overkill", "cost"), [(0.01, 0.02, 0.198), (0.002, 0.05, 0.265)])
def test_the_safer_point_may_cost_more(escape, overkill, cost):
    """π = 2 %, an escape 500 and overkill 5; computed."""
    assert Costs(500, 5, 0.02).per_part(escape, overkill) == pytest.approx(cost, abs=1e-12)


def test_review_has_its_own_price_or_that_of_overkill():
    # 0.02 · (0.01 · 500 + 0.1 · 1) + 0.98 · ((0.05 - 0.03) · 5 + 0.03 · 1)
    assert Costs(500, 5, 0.02, review=1).per_part(0.01, 0.05, 0.1, 0.03) == pytest.approx(0.2294)
    assert Costs(500, 5, 0.02).per_part(0.01, 0.05, 0.1, 0.03) == Costs(500, 5, 0.02).per_part(0.01, 0.05)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ({"escape": 0}, "costs.escape: 0 is no price"),
        ({"overkill": -5}, "costs.overkill: -5 is no price"),
        ({"review": 0.0}, "costs.review: 0.0 is no price"),
        ({"escape": float("nan")}, "costs.escape: nan is no price"),
        ({"overkill": float("inf")}, "costs.overkill: inf is no price"),
        ({"prior": 0}, "costs.prior: 0 is no share"),
        ({"prior": 2}, "costs.prior: 2 is no share of bad parts – 0.02 means 2 of 100"),
    ],
)
def test_prices_that_are_none(costs, words):
    with pytest.raises(InputError, match=words):
        Costs(**{"escape": 500, "overkill": 5, "prior": 0.02, **costs})


def test_elkan_refuses_them_too():
    with pytest.raises(InputError, match=r"costs\.overkill: 0 is no price"):
        elkan_threshold(500, 0)


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_another_base_rate_is_elkans_second_theorem(p, prior, base):
    # p' = b'(p - pb) / (b - pb + b'p - bb'), as printed there
    printed = base * (p - p * prior) / (prior - p * prior + base * p - prior * base)
    assert at_base_rate(p, prior, base) == pytest.approx(printed)
    assert at_base_rate(at_base_rate(p, prior, base), base, prior) == pytest.approx(p)


def parts(count=600, seed=0, digits=None):
    rng = np.random.default_rng(seed)
    bad = rng.random(count) < 0.3
    level = np.where(bad, rng.beta(5, 2, count), rng.beta(2, 5, count))
    return bad, level if digits is None else np.round(level, digits)


@pytest.mark.parametrize("digits", [None, 1])
def test_the_curve_is_the_count_at_every_threshold(digits):
    bad, level = parts(digits=digits)
    costs = Costs(200, 5, 0.02)
    curve = cost_curve(bad, level, np.arange(len(bad)), costs)
    for threshold, cost in zip(curve.threshold, curve.cost, strict=True):
        escape, overkill = (level[bad] < threshold).mean(), (level[~bad] >= threshold).mean()
        assert cost == pytest.approx(costs.per_part(escape, overkill))
    assert curve.cost[curve.cheapest] == curve.cost.min()
    assert curve.base_rate == bad.mean()


def test_the_band_is_wider_where_parts_belong_together_and_the_same_for_the_same_seed():
    bad, level = parts(60)
    order = np.argsort(bad, kind="stable")
    bad, level = np.repeat(bad[order], 10), np.repeat(level[order], 10)
    costs = Costs(200, 5, 0.02)
    alone = cost_curve(bad, level, np.arange(len(bad)), costs)
    together = cost_curve(bad, level, np.arange(len(bad)) // 10, costs)
    assert (together.cost == alone.cost).all()
    assert (together.high - together.low).mean() > 1.8 * (alone.high - alone.low).mean()
    again = cost_curve(bad, level, np.arange(len(bad)) // 10, costs)
    assert (together.low == again.low).all()
    assert together.groups == 60


def test_no_miss_seen_is_not_no_miss_to_come():
    bad = np.arange(200) < 50
    curve = cost_curve(bad, np.where(bad, 0.9, 0.1), np.arange(200), Costs(100, 1, 0.1))
    assert curve.cost[curve.cheapest] == 0
    assert curve.high[curve.cheapest] == pytest.approx(0.1 * 100 * upper_bound(0, 50, 0.975))


def test_a_band_of_parts_of_both_kinds_in_one_group():
    bad, level = parts(100)
    curve = cost_curve(bad, level, np.zeros(100, np.int64), Costs(100, 1, 0.1))
    assert curve.low == pytest.approx(curve.cost)  # one group is all that can be drawn


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 60))
def test_the_band_holds_the_curve(seed, count):
    bad, level = parts(count, seed, digits=1)
    bad[:2] = True, False
    curve = cost_curve(bad, level, np.arange(count), Costs(50, 1, 0.05), seed=seed)
    assert (curve.low <= curve.cost + 1e-9).all()
    assert (curve.cost <= curve.high + 1e-9).all()
    assert (np.diff(curve.threshold) > 0).all()


@pytest.mark.parametrize(("bad", "words"), [(True, "no good parts"), (False, "no bad parts")])
def test_one_kind_alone_has_no_price(bad, words):
    with pytest.raises(InputError, match=words):
        cost_curve(np.full(5, bad), np.linspace(0, 1, 5), np.arange(5), Costs(5, 1, 0.1))


def test_json():
    bad, level = parts(40)
    facts = cost_curve(bad, level, np.arange(40), Costs(5, 1, 0.1)).as_dict()
    assert facts["costs"] == {"escape": 5, "overkill": 1, "prior": 0.1, "review": None}
    assert len(facts["low"]) == len(facts["threshold"])
