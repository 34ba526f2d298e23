import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.proof.learning_curve import CONFIDENCE, Point, fit_learning_curve

SIZES = (25, 50, 100, 200)


def law(n, ceiling, gain, exponent):
    return ceiling - gain * n**-exponent


def runs(of_law, noise, seed, sizes=SIZES, seeds=3):
    """Noisy runs of a law given by its ceiling, gain and exponent."""
    rng = np.random.default_rng(seed)
    each = np.repeat(sizes, seeds).tolist()
    return [Point(n, float(np.clip(law(n, *of_law) + noise * rng.normal(), 0, 1))) for n in each]


def test_prediction_intervals_hold_what_they_promise():
    """90 % intervals of 100 drawn studies, at twice and four times the largest size, hold 82–98 % of what comes."""
    laws = [(0.85, 2.0, 0.6, 0.02), (0.6, 0.8, 0.4, 0.02), (0.75, 5.0, 1.0, 0.03), (0.99, 1.2, 0.5, 0.01)]
    held, asked = {400: 0, 800: 0}, 0
    for row, (a, b, c, noise) in enumerate(laws):
        for study in range(25):
            curve = fit_learning_curve(runs((a, b, c), noise, seed=(row, study)))
            rng = np.random.default_rng((9, row, study))
            for images in held:
                came = np.clip(law(images, a, b, c) + noise * rng.normal(), 0, 1)
                low, high = curve.predict(images).interval
                held[images] += low <= came <= high
            asked += 1
    assert CONFIDENCE == 0.90
    for images, count in held.items():
        assert 0.82 <= count / asked <= 0.98, images


def test_the_curve_comes_close_to_the_law_it_was_drawn_from():
    curve = fit_learning_curve(runs((0.85, 2.0, 0.6), 0.005, seed=1, sizes=(25, 50, 100, 200, 400)))
    for images in (70, 400, 1000):
        assert abs(curve.predict(images).expected - law(images, 0.85, 2.0, 0.6)) < 0.02
    gain = curve.gain_between(200, 800)
    assert gain.interval.low < law(800, 0.85, 2.0, 0.6) - law(200, 0.85, 2.0, 0.6) < gain.interval.high


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 1)), min_size=3, max_size=15).filter(
        lambda rows: len({n for n, _ in rows}) >= 3
    )
)
def test_whatever_was_measured_no_curve_falls_or_leaves_0_to_1(rows):
    points = [Point(n, value) for n, value in rows]
    curve = fit_learning_curve(points)
    if not curve.fitted:
        assert all(p.value == 0 for p in points)
        return
    sizes = np.array([1.0, 30, 300, 3000, 30_000, 1e9]) + max(n for n, _ in rows)
    low, middle, high = curve.line(sizes)
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert low.min() >= 0
    assert high.max() <= 1
    values = curve.at(sizes)
    assert (np.diff(values, axis=1) >= -1e-9).all()
    assert values.max() <= 1 + 1e-8


def test_the_same_points_give_the_same_answer_and_their_order_is_nothing():
    points = runs((0.8, 1.5, 0.5), 0.03, seed=4)
    first, again = fit_learning_curve(points).predict(500), fit_learning_curve(points).predict(500)
    assert first == again
    turned = fit_learning_curve(points[::-1]).predict(500)
    assert abs(first.expected - turned.expected) < 0.005


def test_flat_runs_predict_the_same_level():
    curve = fit_learning_curve(runs((0.7, 0, 1), 0.01, seed=2))
    assert abs(curve.predict(400).expected - 0.7) < 0.03
    assert curve.gain_between(200, 400).interval.high < 0.05


def test_further_out_is_less_certain_and_more_runs_are_more():
    def width(curve, images):
        low, high = curve.predict(images).interval
        return high - low

    few = fit_learning_curve(runs((0.85, 1.0, 0.35), 0.02, seed=3, seeds=1))
    many = fit_learning_curve(runs((0.85, 1.0, 0.35), 0.02, seed=3, seeds=6))
    assert width(few, 300) < width(few, 3000)
    assert width(many, 800) < width(few, 800)


def test_three_runs_exactly_on_a_curve_are_not_certain():
    """Three parameters fit three points without a rest; that is no proof that there is no noise."""
    curve = fit_learning_curve([Point(n, law(n, 0.9, 2.0, 0.5)) for n in (25, 50, 100)])
    low, high = curve.predict(400).interval
    assert high - low > 0.05


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "0 sizes measured; a curve needs 3"),
        ([Point(25, 0.3)] * 4, "1 size measured"),
        ([Point(25, 0.3), Point(50, 0.4), Point(50, 0.5)], "2 sizes measured; a curve needs 3"),
        ([Point(25, 0.0), Point(50, 0.0), Point(100, 0.0)], "no run found anything"),
    ],
)
def test_what_cannot_be_fitted_says_why(points, words):
    curve = fit_learning_curve(points)
    assert not curve.fitted
    assert words in curve.why_not
    with pytest.raises(ValueError, match=words):
        curve.predict(400)


@pytest.mark.parametrize("point", [Point(0, 0.5), Point(25, 1.2), Point(25, -0.1), Point(25, float("nan"))])
def test_points_that_are_none(point):
    with pytest.raises(ValueError, match="expected a size from 1 on"):
        fit_learning_curve([point])
