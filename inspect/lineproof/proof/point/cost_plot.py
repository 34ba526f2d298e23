"""What a part costs over the threshold, as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lineproof.proof.point.cost import CostCurve, at_base_rate, elkan_threshold

_INK, _GRID, _MAIN, _CHOSEN, _THEORY = "#333333", "#dddddd", "#4477aa", "#ee7733", "#228833"


def cost_figure(curve: CostCurve, title: str, *, chosen: float | None = None) -> Figure:
    """Expected cost with its band, where it is lowest, where prices alone would put it, and the threshold chosen.

    Args:
        curve: over the probability that a part is bad.
        title: above it.
        chosen: a threshold to mark.
    """
    figure = Figure(figsize=(8, 4.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    shown = curve.threshold < 1  # 1 has no place on a logit axis
    x, low, high = curve.threshold[shown], curve.low[shown], curve.high[shown]
    axes.fill_between(x, low, high, color=_MAIN, alpha=0.18, linewidth=0, label="95 % band, groups resampled")
    axes.plot(x, curve.cost[shown], color=_MAIN, label="expected cost")
    at = curve.cheapest
    if shown[at]:
        axes.plot(curve.threshold[at], curve.cost[at], "o", color=_INK, label=f"lowest: {curve.cost[at]:.3g}")
    _mark(axes, _elkan(curve), _THEORY, "prices alone (Elkan)", "--")
    if chosen is not None:
        _mark(axes, chosen, _CHOSEN, "chosen", "-")
    axes.set_xscale("logit")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_xlabel("reject from this probability of being bad on", color=_INK)
    axes.set_ylabel("cost per part", color=_INK)
    axes.set_title(_prices(curve), loc="left", fontsize=10, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _mark(axes: Axes, at: float, colour: str, name: str, style: str) -> None:
    axes.axvline(at, color=colour, linewidth=1.2, linestyle=style, label=f"{name}: {at:.2g}")


def _elkan(curve: CostCurve) -> float:
    """Probabilities are those of the calibration parts, which hold more bad ones than production does."""
    threshold = elkan_threshold(curve.costs.escape, curve.costs.overkill)
    return at_base_rate(threshold, curve.costs.prior, curve.base_rate)


def _prices(curve: CostCurve) -> str:
    costs = curve.costs
    return f"an escape costs {costs.escape:g}, overkill {costs.overkill:g}; {100 * costs.prior:.3g} % of parts are bad"
