"""Expected cost per part and the operating point that makes it least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import parts
from lineproof.adapt.ladder.cost import Costs, at_shift, cheapest, check_both_kinds, drawn_costs, log_odds, shifted
from lineproof.adapt.ladder.figures import PartMargins
from lineproof.errors import InputError

COSTS = Costs(escape=100, overkill=2, prior=0.1)


@st.composite
def some_parts(draw: st.DrawFn) -> PartMargins:
    """At least one bad and one good part; margins repeat, and some parts show nothing."""
    count = draw(st.integers(2, 25))
    bad = [True, False, *draw(st.lists(st.booleans(), min_size=count - 2, max_size=count - 2))]
    margin = st.none() | st.integers(-4, 4).map(float) | st.floats(-5, 5)
    return parts(*draw(st.lists(margin, min_size=count, max_size=count)), bad=bad)


def brute_force(found: PartMargins, costs: Costs) -> float:
    """Every cut there is."""
    shown = [m for m in found.margin if m is not None]
    cuts = [-1e9, 1e9, *shown, *(np.nextafter(m, 1e9) for m in shown)]
    return min(at_shift(found, costs, float(cut)).cost for cut in cuts)


@given(found=some_parts(), escape=st.floats(0.1, 1000), overkill=st.floats(0.1, 1000), prior=st.floats(0.001, 0.999))
def test_no_cut_is_cheaper_than_the_cheapest(found: PartMargins, escape: float, overkill: float, prior: float):
    costs = Costs(escape, overkill, prior)
    point = cheapest(found, costs)
    assert point.cost == pytest.approx(brute_force(found, costs), rel=1e-6, abs=1e-9)
    assert point.cost <= costs.pass_all + 1e-9
    again = at_shift(found, costs, point.shift)
    assert (again.cost, again.escapes, again.overkill) == pytest.approx((point.cost, point.escapes, point.overkill))


def test_the_cost_is_that_of_both_mistakes():
    found = parts(3.0, -1.0, None, 2.0, -2.0, None)  # bad: 3, −1, nothing; good: 2, −2, nothing
    point = at_shift(found, COSTS, 0.0)
    assert (point.escapes, point.overkill) == (2, 1)
    assert point.cost == pytest.approx(0.1 * 100 * 2 / 3 + 0.9 * 2 * 1 / 3)


def test_dear_escapes_lower_the_cut_and_dear_overkill_raises_it():
    found = parts(3.0, 1.0, -1.0, 0.0, -2.0, -3.0)
    careful = cheapest(found, Costs(1000, 1, 0.1))
    lenient = cheapest(found, Costs(1, 1000, 0.1))
    assert careful.escapes == 0
    assert lenient.overkill == 0
    assert careful.shift < -1 < 0 < lenient.shift


def test_a_clear_gap_is_cut_in_its_middle():
    assert cheapest(parts(4.0, 5.0, -2.0, -3.0), COSTS).shift == pytest.approx(1.0)


def test_parts_in_which_nothing_is_ever_found_all_pass():
    point = cheapest(parts(None, None, None, None), COSTS)
    assert (point.escapes, point.overkill, point.cost) == (2, 0, COSTS.pass_all)


@given(found=some_parts())
def test_parts_drawn_anew_cost_about_the_same(found: PartMargins):
    shift = cheapest(found, COSTS).shift
    drawn = drawn_costs(found, COSTS, shift, "seed")
    known = drawn[np.isfinite(drawn)]
    assert known.min() >= 0
    assert known.max() <= COSTS.prior * 100 + 0.9 * 2 + 1e-9
    np.testing.assert_array_equal(drawn, drawn_costs(found, COSTS, shift, "seed"))


def test_what_never_errs_costs_nothing_however_drawn():
    drawn = drawn_costs(parts(2.0, 2.0, -2.0, -2.0), COSTS, 0.0, "seed")
    assert np.nanmax(drawn) == 0
    assert np.isnan(drawn).any()  # four parts: some draws have no bad one


@pytest.mark.parametrize("threshold", [0.02, 0.25, 0.9])
def test_a_shift_moves_a_threshold_in_log_odds(threshold: float):
    assert shifted(threshold, 0) == pytest.approx(threshold)
    assert log_odds(shifted(threshold, 1.5)) == pytest.approx(log_odds(threshold) + 1.5)


@pytest.mark.parametrize(
    ("escape", "overkill", "prior", "words"),
    [(-1, 1, 0.1, "negative"), (0, 0, 0.1, "both 0"), (1, 1, 0, "--prior 0"), (1, 1, 1, "--prior 1")],
)
def test_what_is_no_cost_is_refused(escape: float, overkill: float, prior: float, words: str):
    with pytest.raises(InputError, match=words):
        Costs(escape, overkill, prior)


@pytest.mark.parametrize(("bad", "words"), [(True, "no good part"), (False, "no bad part")])
def test_a_cost_needs_both_kinds(bad: bool, words: str):
    with pytest.raises(InputError, match=words):
        check_both_kinds(parts(1.0, 2.0, bad=[bad, bad]))
    check_both_kinds(parts(1.0, 2.0))
