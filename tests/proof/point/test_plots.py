from __future__ import annotations

import io

import numpy as np
import pytest

from lineproof.proof.point.calibration import reliability_table
from lineproof.proof.point.cost import Costs, cost_curve
from lineproof.proof.point.cost_plot import cost_figure
from lineproof.proof.point.reliability_plot import reliability_figure


def drawn(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert buffer.getvalue().startswith(b"\x89PNG")
    return [text.get_text() for text in figure.legends[0].get_texts()]


def parts(count=300):
    rng = np.random.default_rng(0)
    bad = rng.random(count) < 0.3
    return bad, np.where(bad, rng.beta(5, 2, count), rng.beta(2, 5, count))


def test_cost_is_drawn_with_its_lowest_point_the_prices_and_the_choice():
    bad, level = parts()
    curve = cost_curve(bad, level, np.arange(len(bad)), Costs(200, 5, 0.02))
    labels = drawn(cost_figure(curve, "tiles", chosen=0.2))
    assert f"lowest: {curve.cost.min():.3g}" in labels
    assert "chosen: 0.2" in labels
    assert any(label.startswith("prices alone (Elkan): ") for label in labels)
    assert len(drawn(cost_figure(curve, "tiles"))) == len(labels) - 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_cost_of_parts_that_are_all_alike(level):
    bad = np.arange(20) < 10
    curve = cost_curve(bad, np.full(20, level), np.arange(20), Costs(200, 5, 0.02))
    assert drawn(cost_figure(curve, "tiles"))


def test_reliability_is_drawn_with_its_error():
    figure = reliability_figure(reliability_table(*parts()), "tiles")
    assert drawn(figure) == ["said = seen", "seen, exact 95 % interval"]
    assert figure.axes[0].get_title(loc="left").startswith("expected calibration error 0.")


def test_reliability_of_one_part():
    assert drawn(reliability_figure(reliability_table(np.array([True]), np.array([1.0])), "tiles"))


def test_reliability_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        reliability_figure((), "tiles")
