from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import bootstrap
from statsmodels.stats.oneway import anova_oneway

from lineproof.proof.counts.clusters import (
    LEAST_PARTS,
    PartCounts,
    bootstrap_by_part,
    clustering,
    count_by_part,
    design_effect,
)


def test_ten_views_a_part_with_half_correlation():
    """Design effect 5.5; 3,000 images count as 545 (Kish 1965, worked example)."""
    effect = design_effect(np.full(300, 10), 0.5)
    assert effect == pytest.approx(5.5)
    assert int(3000 / effect) == 545


def test_unequal_parts_cost_more_than_their_mean_says():
    assert design_effect([1, 19], 0.5) == pytest.approx(1 + (362 / 20 - 1) * 0.5)
    assert design_effect([1, 19], 0.5) > design_effect([10, 10], 0.5)
    assert design_effect([1, 1, 1], 0.9) == 1
    assert design_effect([10, 10], -0.1) == 1  # images are never worth more than their number


def drawn(parts, icc, rate, seed, sizes=None):
    """Beta-binomial parts with this correlation."""
    rng = np.random.default_rng(seed)
    each = np.full(parts, 10) if sizes is None else rng.integers(*sizes, parts)
    share = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, parts)
    return PartCounts(rng.binomial(each, share), each)


@pytest.mark.parametrize("sizes", [None, (1, 20)])
def test_the_correlation_is_that_of_the_analysis_of_variance(sizes):
    counts = drawn(40, 0.4, 0.3, seed=3, sizes=sizes)
    groups = [np.repeat([1.0, 0.0], [x, n - x]) for x, n in zip(counts.hits, counts.trials, strict=True)]
    kept = [g for g in groups if len(g) > 1]  # statsmodels wants two of each
    kept_counts = PartCounts(np.array([int(g.sum()) for g in kept]), np.array([len(g) for g in kept]))
    f = anova_oneway(kept, use_var="equal").statistic
    n = kept_counts.trials
    m0 = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    assert clustering(kept_counts).icc == pytest.approx((f - 1) / (f - 1 + m0))


@pytest.mark.parametrize("sizes", [None, (1, 20)])
def test_the_correlation_drawn_is_found(sizes):
    assert clustering(drawn(20_000, 0.5, 0.2, seed=1, sizes=sizes)).icc == pytest.approx(0.5, abs=0.02)


def test_copies_are_one_image():
    found = clustering(PartCounts(np.array([10, 0, 10, 0]), np.full(4, 10)))
    assert (found.icc, found.design_effect, found.effective) == (1.0, 10.0, 4.0)


def test_the_warning_says_what_the_images_are_worth():
    found = clustering(drawn(300, 0.5, 0.2, seed=2))
    assert found.warning.startswith("3000 images of 300 parts are no 3000 parts: likeness within a part (ICC) 0.")
    assert "make one decision per part and count parts" in found.warning
    facts = found.as_dict()
    assert facts["effective_images"] == int(3000 / found.design_effect)
    assert clustering(PartCounts(np.array([0, 1, 0]), np.ones(3))).warning == ""


def test_nothing_missed_says_nothing_about_likeness_so_parts_are_counted():
    found = clustering(PartCounts(np.zeros(300), np.full(300, 10)))
    assert (found.icc, found.effective) == (None, 300)
    assert "unknown, so copies are assumed" in found.warning
    assert clustering(PartCounts(np.array([3]), np.array([10]))).effective == 1


@given(st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=30))
@example([(0, 1), (0, 1), (1, 2)])  # by the formula alone -1.5
def test_images_count_between_one_and_all(rows):
    hits, trials = np.array(rows).T
    found = clustering(PartCounts(hits, trials))
    assert 1 - 1e-9 <= found.effective <= found.images + 1e-9
    assert found.icc is None or -1 - 1e-9 <= found.icc <= 1 + 1e-9


def test_images_are_gathered_by_part():
    counts = count_by_part(["b", "a", "b", "c"], [True, False, False, True])
    assert (counts.hits.tolist(), counts.trials.tolist()) == ([0, 1, 1], [1, 2, 1])
    with pytest.raises(ValueError, match="two columns of one length"):
        count_by_part(["a"], [0, 1])
    with pytest.raises(ValueError, match="two columns of one length"):
        count_by_part([], [])
    with pytest.raises(ValueError, match="hit: expected 0 or 1"):
        count_by_part(["a"], [2])


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_intervals_are_scipys(method):
    counts = drawn(200, 0.5, 0.2, seed=5)

    def ratio(x, n, axis=-1):
        return x.sum(axis=axis) / n.sum(axis=axis)

    want = bootstrap(
        (counts.hits, counts.trials),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=9999,
        method="BCa" if method == "bca" else "percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    got = bootstrap_by_part(counts.hits, counts.trials, method=method, resamples=9999)
    assert got.interval == pytest.approx((want.low, want.high), abs=0.003)


def test_both_ways_of_drawing_give_the_same_spread():
    """Equal parts share a weight; parts that are all different are picked one by one."""
    counts = drawn(400, 0.5, 0.2, seed=6)
    apart = counts.trials + np.random.default_rng(0).random(400) * 1e-9  # no two parts equal
    want = bootstrap_by_part(counts.hits, counts.trials, resamples=8000, method="percentile")
    got = bootstrap_by_part(counts.hits, apart, resamples=8000, method="percentile")
    assert got.interval == pytest.approx(want.interval, abs=0.003)


def test_the_promise_is_kept_where_counting_images_breaks_it():
    """The one-sided 95 % bound holds the true rate in 93–99 % of 300 studies; that of the images in below 85 %."""
    from lineproof.proof.intervals import upper_bound

    held = images_held = 0
    for study in range(300):
        counts = drawn(300, 0.5, 0.1, seed=(7, study))
        found = bootstrap_by_part(counts.hits, counts.trials, confidence=0.90, resamples=600, seed=study)
        held += found.interval.high >= 0.1
        images_held += upper_bound(int(counts.hits.sum()), int(counts.trials.sum())) >= 0.1
    assert 0.93 <= held / 300 <= 0.99
    assert images_held / 300 < 0.85


def test_a_seed_is_a_result():
    counts = drawn(100, 0.3, 0.4, seed=8)
    first, again, other = (bootstrap_by_part(counts.hits, counts.trials, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.interval != other.interval


@pytest.mark.parametrize("hits", [0, LEAST_PARTS - 1, 300 - LEAST_PARTS + 1, 300])
def test_what_was_hardly_seen_has_no_interval(hits):
    found = bootstrap_by_part(np.arange(300) < hits, np.ones(300))
    assert found.interval is None
    assert found.why_not.startswith(f"{hits} parts with a hit and {300 - hits} without")
    assert found.as_dict()["high"] is None


def test_parts_without_a_trial_say_nothing():
    hits, trials = np.arange(300) < 40, np.ones(300)
    with_empty = bootstrap_by_part(np.append(hits, [0] * 50), np.append(trials, [0] * 50))
    assert with_empty == bootstrap_by_part(hits, trials)
    assert with_empty.as_dict()["rate"] == pytest.approx(40 / 300, abs=1e-6)


@pytest.mark.parametrize("apart", [False, True])
def test_many_parts_take_little_memory(apart):
    rng = np.random.default_rng(0)
    trials = 1 + rng.random(100_000) if apart else np.ones(100_000)
    tracemalloc.start()
    found = bootstrap_by_part(rng.random(100_000) < 0.01, trials, resamples=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.interval.low < found.rate < found.interval.high
    assert peak < 40e6  # weights of all resamples at once would be 80 MB


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: design_effect([], 0.5), "sizes: expected at least one part"),
        (lambda: design_effect([0, 3], 0.5), "sizes: expected at least one part"),
        (lambda: design_effect([3], float("nan")), "icc: expected 1 at most, got nan"),
        (lambda: clustering(PartCounts(np.array([0]), np.array([0]))), "at least one image of every part"),
        (lambda: bootstrap_by_part([2], [1]), r"hits: expected 0\.\.trials"),
        (lambda: bootstrap_by_part([float("nan")], [1]), r"hits: expected 0\.\.trials"),
        (lambda: bootstrap_by_part([1], [1, 1]), "two columns of one length"),
        (lambda: bootstrap_by_part([0], [0]), "trials: expected at least one"),
        (lambda: bootstrap_by_part([1], [1], confidence=1), "expected a confidence between 0 and 1"),
        (lambda: bootstrap_by_part([1], [1], resamples=0), "expected a confidence between 0 and 1 and resamples"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
