from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import detections
from lineproof.bundle.probes import decide
from lineproof.core import Decision
from lineproof.errors import InputError
from lineproof.proof.counts.counted import counted
from lineproof.proof.intervals import clopper_pearson, upper_bound
from lineproof.proof.point.answer import NotDemonstrated, OperatingPoint
from lineproof.proof.point.ask import ReviewBudget, Target
from lineproof.proof.point.calibration import LEAST_OF_EACH, AsIs, Isotonic, Platt
from lineproof.proof.point.choose import choose_operating_point
from lineproof.proof.point.cost import Costs, elkan_threshold
from lineproof.proof.point.family import STEPS, family_of, fit_family, steps_of
from lineproof.proof.point.guarantee import allowed_misses, bad_parts_needed
from lineproof.proof.point.halves import shape_half

FLOOR = 0.05
COSTS = Costs(500, 5, 0.02)


def parts(bad_count, good_count, columns=3, seed=0, digits=6, nothing=0.0):
    """Bad parts show in one column, which differ in scale; good ones now and then in any; float32 as the engine's."""
    rng = np.random.default_rng(seed)
    count = bad_count + good_count
    bad = np.arange(count) < bad_count
    score = np.where(rng.random((count, columns)) < 0.3, rng.beta(1.2, 8, (count, columns)), 0)
    column = rng.integers(0, columns, count)
    shown = bad & (rng.random(count) >= nothing)
    score[bad & ~shown] = 0
    strength = rng.beta(5, 2, count) * (1 - 0.2 * column)
    score[shown, column[shown]] = np.maximum(strength, FLOOR)[shown]
    score = np.round(score, digits).astype(np.float32).astype(np.float64)
    return bad, np.where(score < FLOOR, 0, score), np.arange(count)


def choose(bad, score, group, ask, review=None, seed=0):
    names = [f"c{i}" for i in range(score.shape[1])]
    return choose_operating_point(bad, score, group, names, ask, score_floor=FLOOR, review=review, seed=seed)


def decisions(point, score):
    """As the line decides: with the judge's own rule, on the thresholds written down."""
    names = tuple(point.thresholds)
    return [
        decide(detections(*[(0, 0, 9, 9, s, c) for c, s in enumerate(row) if s > 0]), point.thresholds, names)
        for row in score.tolist()
    ]


def held(bad, group, point, seed=0):
    return ~shape_half(bad, group, seed=seed) if point.shaped_on else np.ones(len(bad), np.bool_)


def test_a_target_is_met_with_the_misses_it_allows_and_no_more_overkill_than_that_takes():
    bad, score, group = parts(1000, 1000)
    point = choose(bad, score, group, Target(0.02))
    assert point.guarantee.bad == 500
    assert point.guarantee.allowed == 4  # n = 500, α = 2 %, δ = 5 %
    assert point.guarantee.missed == 4
    assert point.escape.count == 4
    assert (point.shaped_on, point.measured_on) == (1000, 1000)
    assert str(point.guarantee) == "escape ≤ 2 % with 95 % confidence; 4 of 500 bad parts missed, 4 allowed"
    # A hair looser, and one more bad part passes.
    level = point.family.level(score[held(bad, group, point)])
    assert (level[bad[held(bad, group, point)]] <= point.at).sum() == 5


def test_what_is_counted_is_what_the_line_decides():
    bad, score, group = parts(400, 400)
    for ask, review in [(Target(0.05), ReviewBudget(0.05)), (Costs(500, 5, 0.02, review=1), None)]:
        point = choose(bad, score, group, ask, review)
        rows = held(bad, group, point)
        found = np.array(decisions(point, score[rows]))
        assert point.escape.count == (found[bad[rows]] == Decision.PASS).sum()
        assert point.overkill.count == (found[~bad[rows]] != Decision.PASS).sum()
        assert point.review.count == (found == Decision.REVIEW).sum() > 0


def test_one_column_spends_no_part_on_its_shape():
    bad, score, group = parts(300, 300, columns=1)
    point = choose(bad, score, group, Target(0.01))
    assert point.shaped_on == 0
    assert point.guarantee.bad == 300
    assert point.guarantee.allowed == 0


@pytest.mark.parametrize(("bad_count", "shaped"), [(59, False), (117, False), (118, True), (200, True)])
def test_parts_shape_only_where_the_other_half_can_still_show_the_target(bad_count, shaped):
    """59 bad parts without a miss show 5 % at 95 %."""
    point = choose(*parts(bad_count, 200), Target(0.05))
    assert (point.shaped_on > 0) == shaped
    assert point.guarantee.bad == (-(-bad_count // 2) if shaped else bad_count)
    assert isinstance(point.family.calibrators[0], AsIs) != shaped


def test_columns_of_another_scale_get_thresholds_of_their_own():
    bad, score, group = parts(2000, 4000, columns=2)
    score[:, 1] *= 0.4
    score[score < FLOOR] = 0
    shaped = choose(bad, score, group, Target(0.05))
    limits = [t.review_score for t in shaped.thresholds.values()]
    assert limits[1] < 0.6 * limits[0]
    same = family_of(["a", "b"], [AsIs()] * 2, FLOOR).level(score)
    overkill = (same[~bad] >= np.quantile(same[bad], shaped.escape.count / shaped.escape.of)).mean()
    assert shaped.overkill.interval.high < 0.5 * overkill


def test_thresholds_lie_midway_between_scores():
    bad = np.arange(200) < 100
    score = np.where(bad, 0.8, 0.2)[:, None]
    point = choose(bad, score, np.arange(200), Target(0.05))
    assert point.thresholds == {"c0": (0.5, 0.5)}
    assert (point.escape.count, point.overkill.count) == (0, 0)


def test_midway_is_never_above_the_part_that_counts():
    """One step apart there is no middle: the lower step is the stricter one."""
    bad = np.arange(200) < 100
    point = choose(bad, np.where(bad, 0.5001, 0.5)[:, None], np.arange(200), Target(0.05))
    assert point.thresholds["c0"].review_score == 0.5001
    tied = choose(bad, np.full((200, 1), 0.5), np.arange(200), Target(0.05))
    assert tied.thresholds["c0"].review_score <= 0.5
    assert (tied.escape.count, tied.overkill.count) == (0, 100)


def test_equal_scores_pass_together_or_not_at_all():
    bad = np.arange(400) < 200
    score = np.where(bad, 0.9, 0.1)
    score[:9] = 0.3  # one more than 5 % at 95 % allows of 200
    assert allowed_misses("ltt", 200, 0.05, 0.95) == 4
    point = choose(bad, score[:, None], np.arange(400), Target(0.05))
    assert point.escape.count == 0
    assert point.thresholds["c0"].review_score == 0.2


def test_no_good_parts_leave_overkill_unmeasured():
    bad, score, group = parts(100, 0, columns=1)
    point = choose(bad, score, group, Target(0.05))
    assert point.guarantee.missed == point.guarantee.allowed
    assert point.as_dict()["overkill"] == {"count": 0, "of": 0, "effective": 0.0, "rate": None, "low": 0.0, "high": 1.0}
    assert "cannot be measured" in str(point.overkill)


@pytest.mark.parametrize("kind", ["ltt", "crc"])
def test_no_bad_parts_show_nothing(kind):
    answer = choose(*parts(0, 100), Target(0.05, kind=kind))
    assert isinstance(answer, NotDemonstrated)
    assert answer.missing == bad_parts_needed(kind, 0, 0.05, 0.95)
    assert answer.claim is None
    assert "no rate can be shown" in str(answer)


def test_too_few_bad_parts_say_how_many_are_missing_and_what_can_be_claimed():
    answer = choose(*parts(99, 100), Target(0.01))
    assert (answer.bad, answer.missing) == (99, 200)
    assert answer.claim == upper_bound(0, 99)
    assert str(answer) == (
        "escape ≤ 1 % is not demonstrated: 99 bad parts; 200 more are needed; at best ≤ 2.98 % with 95 % confidence"
    )
    json.dumps(answer.as_dict())
    fewer = choose(*parts(50, 100), Target(0.01, kind="crc"))
    assert (fewer.missing, fewer.claim) == (49, 1 / 51)
    assert str(fewer).endswith("at best ≤ 1.96 % on average")


def test_bad_parts_on_which_nothing_is_found_pass_whatever_the_thresholds():
    bad = np.arange(400) < 300
    score = np.where(bad, 0.9, 0.1)[:, None]
    score[:3] = 0
    answer = choose(bad, score, np.arange(400), Target(0.02))
    assert (answer.bad, answer.found_nothing) == (300, 3)
    assert answer.missing == bad_parts_needed("ltt", 3, 0.02, 0.95) - 300 == 86
    assert answer.claim == upper_bound(3, 300)
    score[:30] = 0
    hopeless = choose(bad, score, np.arange(400), Target(0.02))
    assert hopeless.missing is None
    assert "on 30 of them nothing is found; more parts would not change that" in str(hopeless)


def test_scores_below_the_floor_are_nothing_found():
    bad = np.arange(200) < 100
    answer = choose(bad, np.where(bad, 0.04, 0.0)[:, None], np.arange(200), Target(0.05))
    assert answer.found_nothing == 100
    assert answer.claim is None


def test_where_half_of_the_parts_shape_twice_as_many_are_missing():
    bad, score, group = parts(700, 300, nothing=0.01, seed=3)
    answer = choose(bad, score, group, Target(0.01))
    assert answer.bad == 350
    assert answer.found_nothing > 0
    assert answer.missing is None or answer.missing % 2 == 0
    assert answer.claim > 0.01


def test_all_scores_zero():
    bad = np.arange(300) < 150
    answer = choose(bad, np.zeros((300, 2)), np.arange(300), Target(0.05))
    assert (answer.found_nothing, answer.missing, answer.claim) == (75, None, None)
    point = choose(bad, np.zeros((300, 2)), np.arange(300), COSTS)
    assert (point.escape.count, point.overkill.count) == (75, 0)


def test_parts_of_one_group_count_once_and_are_missed_together():
    bad, score, _ = parts(600, 600, columns=1)
    group = np.array([f"lot{i // 3}" for i in range(1200)])
    point = choose(bad, score, group, Target(0.05))
    assert point.guarantee.unit == "group"
    assert point.guarantee.bad == 200
    assert point.guarantee.missed == point.guarantee.allowed == 4
    assert point.escape.of == 600
    assert point.escape.effective == pytest.approx(200)
    assert "bad groups missed" in str(point.guarantee)


def test_a_bad_part_and_a_good_one_may_share_a_group():
    bad = np.tile([True, False], 100)
    score = np.where(bad, 0.9, 0.1)[:, None]
    point = choose(bad, score, np.arange(200) // 2, Target(0.05))
    assert (point.guarantee.bad, point.guarantee.unit) == (100, "part")
    shape = shape_half(bad, np.arange(200) // 2)
    assert (shape[::2] == shape[1::2]).all()


def test_halves_are_drawn_by_group_from_bad_and_good_alike():
    bad, _, group = parts(41, 80)
    group = np.where(bad, group, group // 4)
    shape = shape_half(bad, group, seed=1)
    assert set(group[shape]).isdisjoint(group[~shape])
    assert shape[bad].sum() in (19, 20, 21)
    assert (shape == shape_half(bad, group, seed=1)).all()
    assert (shape != shape_half(bad, group, seed=2)).any()


def test_the_same_seed_is_the_same_point_and_the_order_of_columns_is_nothing():
    bad, score, group = parts(300, 300)
    first = choose(bad, score, group, Target(0.05))
    assert first.thresholds == choose(bad, score, group, Target(0.05)).thresholds
    turned = choose_operating_point(bad, score[:, ::-1], group, ["c2", "c1", "c0"], Target(0.05), score_floor=FLOOR)
    for name, threshold in first.thresholds.items():
        assert turned.thresholds[name] == pytest.approx(threshold, abs=2e-4)


# Prices


def test_prices_choose_on_one_half_what_is_cheapest_there():
    bad, score, group = parts(2000, 2000)
    point = choose(bad, score, group, COSTS)
    shapes = ~held(bad, group, point)
    level = point.family.level(score[shapes])

    def cost(at):
        return COSTS.per_part((level[bad[shapes]] < at).mean(), (level[~bad[shapes]] >= at).mean())

    assert cost(point.at) == pytest.approx(min(cost(at) for at in np.unique(level[level > 0])))
    assert point.guarantee is None
    assert point.cost == pytest.approx(COSTS.per_part(point.escape.count / 1000, point.overkill.count / 1000))
    assert all(t.score == t.review_score for t in point.thresholds.values())


def test_with_many_parts_the_price_comes_out_at_elkans_threshold():
    bad, score, group = parts(20_000, 20_000)
    point = choose(bad, score, group, Costs(30, 10, 0.5))
    assert point.at == pytest.approx(elkan_threshold(30, 10), abs=0.06)


def test_a_dearer_escape_never_lets_more_bad_parts_pass():
    bad, score, group = parts(500, 500)
    escapes = [choose(bad, score, group, Costs(price, 5, 0.02)).escape.count for price in (5, 50, 500, 5000, 50_000)]
    assert escapes == sorted(escapes, reverse=True)


@pytest.mark.parametrize("price", [0.3, 2.0, 20.0])
def test_a_price_of_review_opens_the_band_that_is_cheapest(price):
    bad, score, group = parts(150, 150)
    costs = Costs(500, 5, 0.02, review=price)
    point = choose(bad, score, group, costs)
    shapes = ~held(bad, group, point)
    truth = bad[shapes]
    level = point.family.level(score[shapes])
    levels = np.append(np.unique(level[level > 0]), 1.0)

    def cost(low, high):
        rejected, sure = level >= low, level >= high
        looked = rejected & ~sure
        return costs.per_part(
            (~rejected[truth]).mean(), rejected[~truth].mean(), looked[truth].mean(), looked[~truth].mean()
        )

    cheapest = min(cost(low, high) for i, low in enumerate(levels) for high in levels[i:])
    limits = np.array([[t.review_score, t.score] for t in point.thresholds.values()])
    rejected, sure = ((score[shapes] >= column).any(axis=1) for column in limits.T)
    looked = rejected & ~sure
    got = costs.per_part(
        (~rejected[truth]).mean(), rejected[~truth].mean(), looked[truth].mean(), looked[~truth].mean()
    )
    assert got == pytest.approx(cheapest)
    assert (limits[:, 0] < limits[:, 1]).any() == (price < 5)


@pytest.mark.parametrize(("bad_count", "good_count"), [(0, 50), (1, 50), (50, 0), (50, 1)])
def test_prices_need_both_kinds_in_both_halves(bad_count, good_count):
    with pytest.raises(InputError, match=r"too few (bad|good) parts: prices choose on one half"):
        choose(*parts(bad_count, good_count), COSTS)


def test_two_of_each_are_answered():
    point = choose(*parts(2, 2), COSTS)
    assert point.escape.of == point.overkill.of == 1
    assert point.escape.interval.high > 0.97


# Review


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5])
def test_the_band_is_as_wide_as_the_budget_allows(share):
    bad, score, group = parts(400, 600)
    plain = choose(bad, score, group, Target(0.05))
    point = choose(bad, score, group, Target(0.05), ReviewBudget(share))
    assert {k: t.review_score for k, t in point.thresholds.items()} == {
        k: t.review_score for k, t in plain.thresholds.items()
    }
    rejected = plain.measured_on - (plain.escape.count + plain.overkill.of - plain.overkill.count)
    assert point.review.count == min(int(share * point.measured_on), rejected)


def test_a_budget_counts_parts_as_production_sends_them():
    bad, score, group = parts(600, 400)
    point = choose(bad, score, group, Target(0.05), ReviewBudget(0.02, prior=0.01))
    rows = held(bad, group, point)
    found = np.array(decisions(point, score[rows]))
    looked = found == Decision.REVIEW
    share = 0.01 * looked[bad[rows]].mean() + 0.99 * looked[~bad[rows]].mean()
    assert 0.01 < share <= 0.02


def test_prices_take_their_own_prior_and_a_band_no_wider_than_they_justify():
    bad, score, group = parts(2000, 2000)
    costs = Costs(500, 5, 0.02, review=1)
    free = choose(bad, score, group, costs)
    tight = choose(bad, score, group, costs, ReviewBudget(0.005))
    wide = choose(bad, score, group, costs, ReviewBudget(0.9))
    assert tight.review.count < free.review.count
    assert wide.thresholds == free.thresholds
    unpriced = choose(bad, score, group, COSTS, ReviewBudget(0.02))
    assert unpriced.review.count > 0


def test_a_budget_needs_good_parts():
    with pytest.raises(InputError, match="review budget: no good parts"):
        choose(*parts(100, 0, columns=1), Target(0.05), ReviewBudget(0.05))


# Whatever comes


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 150),
    st.integers(0, 60),
    st.integers(1, 3),
    st.sampled_from([1, 2, 4, 7]),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.sampled_from(["ltt", "crc"]),
    st.sampled_from([None, 0.0, 0.1]),
    st.sampled_from([1, 3]),
)
def test_no_point_lets_more_pass_than_its_guarantee_allows(
    seed, bad_count, good_count, columns, digits, escape, kind, share, size
):
    if bad_count + good_count == 0:
        return
    bad, score, group = parts(bad_count, good_count, columns, seed, digits, nothing=0.01)
    group = group // size
    review = None if share is None or good_count == 0 else ReviewBudget(share)
    answer = choose(bad, score, group, Target(escape, kind=kind), review, seed)
    json.dumps(answer.as_dict(), allow_nan=False)
    if isinstance(answer, NotDemonstrated):
        assert answer.claim is None or answer.claim > escape - 1e-9
        assert answer.missing is None or answer.missing > 0
        return
    rows = held(bad, group, answer, seed)
    limits = np.array([t.review_score for t in answer.thresholds.values()])
    sure = np.array([t.score for t in answer.thresholds.values()])
    assert (limits >= FLOOR).all()
    assert (limits <= sure).all()
    assert (sure <= 1).all()
    assert (np.round(limits, 4) == limits).all()
    passed = ~(score[rows] >= limits).any(axis=1)
    missed = len(np.unique(group[rows][bad[rows] & passed]))
    assert missed == answer.guarantee.missed <= answer.guarantee.allowed
    assert answer.guarantee.allowed == allowed_misses(kind, answer.guarantee.bad, escape, 0.95)
    if kind == "ltt":
        assert answer.guarantee.p <= 0.05 + 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.4]))
def test_a_looser_target_never_rejects_more(seed, escape):
    bad, score, group = parts(300, 300, columns=1, seed=seed, digits=2)
    strict, loose = choose(bad, score, group, Target(escape)), choose(bad, score, group, Target(1.5 * escape))
    assert loose.thresholds["c0"].review_score >= strict.thresholds["c0"].review_score
    assert loose.overkill.count <= strict.overkill.count
    average = choose(bad, score, group, Target(escape, kind="crc"))
    assert average.overkill.count <= strict.overkill.count


def violations(studies, bad_count, escape, digits, seed):
    """Shares of simulated calibrations whose thresholds let more pass than the target, and the mean escape rate."""
    rng = np.random.default_rng(seed)
    later = rng.beta(6, 2, 20_000) if digits is None else np.round(rng.beta(6, 2, 20_000), digits)
    level = np.sort(np.where(later < FLOOR, 0, later))
    escapes = {"ltt": [], "crc": []}
    bad = np.ones(bad_count, np.bool_)
    for _ in range(studies):
        score = rng.choice(later, bad_count)[:, None]
        for kind, seen in escapes.items():
            point = choose(bad, score, np.arange(bad_count), Target(escape, kind=kind))
            seen.append(np.searchsorted(level, point.thresholds["c0"].review_score) / len(level))
    return float(np.mean(np.array(escapes["ltt"]) > escape)), float(np.mean(escapes["crc"]))


@pytest.mark.parametrize(("bad_count", "escape", "digits"), [(59, 0.05, None), (300, 0.05, None), (200, 0.1, 1)])
def test_the_guarantees_hold_in_simulated_calibrations(bad_count, escape, digits):
    """300 each; `tests/benchmarks/coverage_thresholds.py` draws 2,000 of more kinds."""
    violated, mean = violations(300, bad_count, escape, digits, seed=bad_count)
    assert violated <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert mean <= escape + 3 * np.sqrt(escape / bad_count / 300)


def test_a_hundred_thousand_parts_of_five_columns():
    bad, score, group = parts(5_000, 95_000, columns=5)
    assert isinstance(choose(bad, score, group, Target(0.01), ReviewBudget(0.01)), OperatingPoint)
    assert isinstance(choose(bad, score, group, Costs(500, 5, 0.02, review=1)), OperatingPoint)


# The family


@given(st.floats(0, 1))
def test_a_score_reaches_its_own_step_and_not_the_next(score):
    step = int(steps_of(np.array([score]))[0])
    assert step / STEPS <= score
    assert step == STEPS or score < (step + 1) / STEPS


def test_every_threshold_of_four_digits_is_reached_by_itself():
    grid = np.arange(STEPS + 1) / STEPS
    assert (steps_of(grid) == np.arange(STEPS + 1)).all()
    assert (steps_of(np.nextafter(grid[1:], 0)) == np.arange(STEPS)).all()


@pytest.mark.parametrize("calibrators", [[AsIs(), AsIs()], [Platt(300.0, -150.0), Isotonic((0, 0.4, 1), (0, 0.9, 1))]])
def test_a_part_is_rejected_exactly_where_its_level_reaches_the_threshold(calibrators):
    family = family_of(["a", "b"], calibrators, FLOOR)
    score = np.random.default_rng(0).random((300, 2)) ** 3
    level = family.level(score)
    for at in np.unique(level[level > 0])[::7]:
        limits = family.thresholds(at) / STEPS
        assert ((score >= limits).any(axis=1) == (level >= at)).all()
        halfway = family.between(level, at) / STEPS
        assert ((score >= halfway).any(axis=1) == (level >= at)).all()
        assert (halfway <= limits).all()
        assert (halfway >= FLOOR).all()


def test_a_floor_between_two_steps_is_rounded_up():
    assert family_of(["a"], [AsIs()], 0.05).floor == 500
    assert family_of(["a"], [AsIs()], 0.07).floor == 700
    assert family_of(["a"], [AsIs()], 0.05004).floor == 501


def test_a_column_with_too_few_parts_takes_the_calibrator_of_all():
    bad, score, _ = parts(200, 400)
    score[LEAST_OF_EACH - 1 :, 2] = 0
    family = fit_family(bad, score, ["a", "b", "c"], FLOOR)
    assert isinstance(family.calibrators[0], Platt)
    assert isinstance(family.calibrators[2], Platt)
    assert family.calibrators[2] not in family.calibrators[:2]


def test_a_level_is_a_probability():
    bad, score, _ = parts(4000, 12_000, columns=5)
    later_bad, later, _ = parts(4000, 12_000, columns=5, seed=1)
    level = fit_family(bad, score, list("abcde"), FLOOR).level(later)
    for low, high in [(0.02, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 1.0)]:
        inside = (level > low) & (level <= high)
        assert later_bad[inside].mean() == pytest.approx(level[inside].mean(), abs=0.04)


# Counts


def test_counts_of_parts_on_their_own_are_exact():
    assert counted(np.arange(50) < 42, np.arange(50)).interval == pytest.approx(clopper_pearson(42, 50))
    assert counted(np.zeros(30, np.bool_), np.arange(30)).interval == pytest.approx(clopper_pearson(0, 30))
    assert counted(np.ones(30, np.bool_), np.arange(30)).interval == pytest.approx(clopper_pearson(30, 30))


def test_ten_views_of_one_part_are_one():
    together = counted(np.repeat(np.arange(50) < 42, 10), np.repeat(np.arange(50), 10))
    assert (together.count, together.of) == (420, 500)
    assert together.interval == pytest.approx(clopper_pearson(42, 50))
    assert str(together) == "420/500 = 84.0% (95 %: 70.9% – 92.8%)"  # 42/50, AIAG


def test_uneven_groups_are_worth_less_than_their_number():
    assert counted(np.zeros(10, np.bool_), np.array([0] * 9 + [1])).effective == pytest.approx(100 / 82)


# What is no question


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: Target(0), "no number of parts can show a rate of 0 – 0.01 means 1 of 100 bad parts"),
        (lambda: Target(1), "no number of parts can show a rate of 1"),
        (lambda: Target(-0.1), "no number of parts"),
        (lambda: Target(0.01, 1.0), r"target\.confidence: 1 is none – give 0\.95 for 95 %"),
        (lambda: Target(0.01, kind="rcps"), r"target\.kind: 'rcps' is unknown"),
        (lambda: ReviewBudget(1.0), r"review\.share: 1 is no share of parts"),
        (lambda: ReviewBudget(-0.1), r"review\.share"),
        (lambda: ReviewBudget(0.1, prior=0), r"review\.prior: 0 is no share of bad parts"),
    ],
)
def test_questions_that_have_no_answer(ask, words):
    with pytest.raises(InputError, match=words):
        ask()


def test_no_parts_at_all():
    with pytest.raises(InputError, match="no calibration parts"):
        choose(np.zeros(0, np.bool_), np.zeros((0, 2)), np.zeros(0, np.int64), Target(0.05))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bad": np.array([1, 0])}, "bad: expected bool, got int64"),
        ({"bad": np.array([True])}, r"expected \(n,\), \(n, columns\), \(n,\)"),
        ({"score": np.array([0.5, 0.5])}, r"expected \(n,\), \(n, columns\), \(n,\)"),
        ({"score": np.array([[0.5], [1.1]])}, r"score: expected values in 0\.\.1"),
        ({"score": np.array([[0.5], [np.nan]])}, r"score: expected values in 0\.\.1"),
        ({"columns": ["a", "b"]}, "columns: expected 1 different names"),
        ({"score": np.full((2, 2), 0.5), "columns": ["a", "a"]}, "columns: expected 2 different names"),
        ({"score": np.zeros((2, 0)), "columns": []}, "columns: expected 0 different names"),
        ({"score_floor": 0.0}, "score_floor: expected a value between 0 and 1"),
    ],
)
def test_arrays_that_do_not_match(change, words):
    given_ = {
        "bad": np.array([True, False]),
        "score": np.array([[0.9], [0.1]]),
        "group": np.arange(2),
        "columns": ["a"],
        "ask": Target(0.05),
        "score_floor": FLOOR,
    }
    with pytest.raises(ValueError, match=words):
        choose_operating_point(**{**given_, **change})


def test_json_names_everything():
    point = choose(*parts(200, 200), Target(0.05), ReviewBudget(0.02))
    facts = json.loads(json.dumps(point.as_dict(), allow_nan=False))
    assert facts["demonstrated"]
    assert facts["guarantee"]["confidence"] == 0.95
    assert facts["asked"] == {"escape": 0.05, "confidence": 0.95, "kind": "ltt"}
    assert set(facts["thresholds"]["c0"]) == {"score", "review_score"}
    assert facts["review_budget"] == {"share": 0.02, "prior": None}
    assert facts["calibrators"]["c0"]["method"] == "platt"
    assert facts["cost"] is None
