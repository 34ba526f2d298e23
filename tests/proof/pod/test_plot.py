from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lineproof.proof.pod.false_calls import FalseCalls
from lineproof.proof.pod.logistic import HitMiss
from lineproof.proof.pod.plot import pod_figure, size_bins
from lineproof.proof.pod.probability import probability_of_detection
from lineproof.proof.rates import Rate
from proof.pod_data import SIXTY, SYNTHETIC

STEP = HitMiss.single(np.arange(1, 81), np.arange(1, 81) > 20)


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_sizes_are_marked_named_and_in_their_unit():
    pod = probability_of_detection(SYNTHETIC, name="scratch", unit="mm", false_calls=FalseCalls(7, Rate(6, 200)))
    figure = pod_figure([pod], "bundle 1")
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "size, mm"
    assert axes.get_xscale() == "log"
    assert axes.get_title(loc="left") == "scratch: 207 of 340 found, 0.035 false calls an image"
    assert legend_of(axes) == ["a50 = 0.389 mm", "a90 = 0.748 mm", "a90/95 = 0.871 mm"]
    marks = {line.get_label(): line.get_xydata()[0] for line in axes.lines if line.get_label().startswith("a")}
    assert marks["a90/95 = 0.871 mm"] == pytest.approx([0.87116, 0.9], abs=1e-5)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ["POD, fitted", "found", "lower 95 % bound", "missed", "rate of similar sizes, 95 %"]
    assert len(axes.collections[0].get_offsets()) == 207
    assert len(axes.collections[1].get_offsets()) == 133
    assert figure.get_suptitle() == "bundle 1"


def test_the_lower_bound_drawn_is_the_one_that_decides():
    """Of both open scales: it crosses 0.9 at a90/95."""
    pod = probability_of_detection(SIXTY, unit="mm")
    (axes,) = pod_figure([pod]).axes
    line = next(line for line in axes.lines if line.get_label() == "lower 95 % bound")
    size, bound = line.get_data()
    assert size[np.argmax(bound >= 0.9)] == pytest.approx(pod.a90_95, abs=0.02)
    assert axes.get_xscale() == "linear"


def test_what_is_not_demonstrated_says_so_in_its_panel():
    empty = probability_of_detection(HitMiss.single([], []), name="void")
    rng = np.random.default_rng(2)
    size = rng.uniform(1, 10, 60)
    vague = probability_of_detection(HitMiss.single(size, rng.random(60) < 0.5 + 0.02 * size), name="vague")
    pods = [probability_of_detection(STEP, name="step"), empty, vague, probability_of_detection(SYNTHETIC)]
    figure = pod_figure(pods)
    FigureCanvasAgg(figure).draw()
    step, void, open_, _, *unused = figure.axes
    words = " ".join(step.get_xlabel().split())
    assert words.startswith("size, px a90/95 not demonstrated: no curve can be fitted: every miss is smaller")
    assert "0 defects" in void.get_xlabel()
    assert legend_of(open_)[2] == "a90/95 not demonstrated"
    assert len(unused) == 2
    assert not any(axes.axison for axes in unused)


def test_no_label_covers_another():
    pods = [probability_of_detection(SYNTHETIC, name="scratch", unit="mm"), probability_of_detection(STEP, name="step")]
    figure = pod_figure(pods)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    words = [axes.get_legend() for axes in figure.axes if axes.get_legend()] + figure.legends
    for axes in figure.axes:
        words += [axes.xaxis.label, axes.yaxis.label, axes._left_title]
    boxes = [artist.get_window_extent(renderer) for artist in words]
    plots = [axes.get_window_extent(renderer) for axes in figure.axes]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert all(box.y0 >= plot.y1 - 3 or not box.overlaps(plot) for plot in plots)  # none hides data


def test_bins_hold_enough_and_never_divide_a_size():
    bins = size_bins(SYNTHETIC)
    assert sum(b.defects for b in bins) == 340
    assert sum(b.hits for b in bins) == 207
    assert len(bins) <= 8
    assert all(b.defects % 20 == 0 for b in bins)
    assert [b.size for b in bins] == sorted(b.size for b in bins)
    assert size_bins(HitMiss.single([1, 2, 3], [0, 1, 1])) == []  # a rate of three says nothing
    assert size_bins(HitMiss.single([], [])) == []


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="pods: expected at least one"):
        pod_figure([])


def test_pyplot_with_its_state_for_a_whole_process_stays_out():
    """In a process of its own: another test may have brought it into this one."""
    asked = "import sys, lineproof.proof.pod.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
