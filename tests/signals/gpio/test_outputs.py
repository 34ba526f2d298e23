"""The output lines as a function of views and time: nothing looks like PASS that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.signals.gpio.outputs import AT_REST, OutputPlan, Phase
from lineproof.signals.gpio.settings import GpioSettings, Output
from signals.registers.station_views import VIEWS, shown

MS = 1_000_000
SETTINGS = GpioSettings(outputs={name: {"offset": at} for at, name in enumerate(Output)}, setup_ms=1, strobe_ms=20)
RESULTS = {Output.PASS, Output.FAIL, Output.REVIEW}


def high(plan: OutputPlan) -> set[Output]:
    return {name for name, on in plan.levels().items() if on}


def run(plan: OutputPlan, until_ns: int, start_ns: int = 0, step_ns: int = MS // 4) -> list[tuple[int, set[Output]]]:
    """Drive it as the thread does; the levels that were on the lines."""
    seen = []
    for now_ns in range(start_ns, until_ns, step_ns):
        plan.advance(now_ns)
        seen.append((now_ns, high(plan)))
        plan.driven(plan.step, now_ns)
    return seen


def test_everything_rests_before_the_first_view():
    assert OutputPlan(SETTINGS).levels() == AT_REST
    assert not any(AT_REST.values())


def test_the_strobe_rises_after_the_result_lines_and_lasts():
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1))
    seen = run(plan, 40 * MS)
    passed = [at for at, lines in seen if Output.PASS in lines]
    strobe = [at for at, lines in seen if Output.STROBE in lines]
    assert min(passed) >= 1 * MS
    assert min(strobe) - min(passed) >= 1 * MS
    assert max(strobe) - min(strobe) >= 20 * MS - MS // 4
    assert max(passed) == seen[-1][0], "a result is held until it is withdrawn"


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (Outcome.PASS, {Output.PASS}), (Outcome.FAIL, {Output.FAIL}), (Outcome.REVIEW, {Output.REVIEW}),
        (Outcome.ERROR, set()), (Outcome.MISSED, set()),
    ],
)  # fmt: skip
def test_each_outcome_has_its_line_and_every_answer_its_strobe(outcome, lines):
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1, outcome))
    strobed = [found for _, found in run(plan, 30 * MS) if Output.STROBE in found]
    assert strobed
    assert all(found & RESULTS == lines for found in strobed)


def test_review_without_a_line_of_its_own_is_told_as_fail():
    plan = OutputPlan(GpioSettings(outputs={"fail": {"offset": 1}, "pass": {"offset": 2}}))
    plan.show(shown(1, Outcome.REVIEW))
    assert run(plan, 30 * MS)[-1][1] & RESULTS == {Output.FAIL}


@pytest.mark.parametrize(
    "view",
    [
        StationView(7, State.READY),
        StationView(7, State.ERROR, PartResult(7, 1, "", Outcome.PASS), fault_code=101),
        StationView(7, State.HALTED, PartResult(7, 1, "", Outcome.PASS)),
        StationView(7, State.PREOPERATIONAL, PartResult(7, 1, "", Outcome.PASS)),
        StationView(7, State.READY, PartResult(6, 1, "", Outcome.PASS)),
        StationView(7, State.READY, PartResult(7, 0, "", Outcome.PASS)),
    ],
    ids=["none", "fault", "halted", "not verified", "other session", "number 0"],
)
def test_no_pass_without_a_valid_result(view):
    plan = OutputPlan(SETTINGS)
    plan.show(view)
    assert all(Output.PASS not in found and Output.STROBE not in found for _, found in run(plan, 30 * MS))


@pytest.mark.parametrize("when_ms", [0.5, 1.5, 5, 25])
def test_a_withdrawn_result_goes_at_once_and_never_comes_back(when_ms):
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1))
    run(plan, int(when_ms * MS))
    plan.show(StationView(7, State.READY))
    assert not high(plan) & (RESULTS | {Output.STROBE})
    plan.show(shown(1))
    assert all(not found & (RESULTS | {Output.STROBE}) for _, found in run(plan, 90 * MS, 50 * MS))


def test_silence_releases_everything_and_the_same_result_is_not_shown_again():
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1))
    run(plan, 30 * MS)
    plan.silence()
    assert plan.levels() == AT_REST
    plan.show(shown(1))
    assert all(not found & RESULTS for _, found in run(plan, 90 * MS, 50 * MS))


def test_between_two_results_the_lines_are_released():
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1))
    run(plan, 30 * MS)
    plan.show(shown(2))
    seen = run(plan, 60 * MS, 30 * MS)
    assert not seen[0][1] & (RESULTS | {Output.STROBE})
    assert any(Output.STROBE in found for _, found in seen)


def test_a_slow_chip_shortens_nothing():
    """The phases count from when the levels were on the lines."""
    plan = OutputPlan(SETTINGS)
    plan.show(shown(1))
    now_ns, put = 0, []
    for _ in range(60):
        plan.advance(now_ns)
        levels, step = high(plan), plan.step
        now_ns += 3 * MS  # so long takes the put
        put.append((now_ns, levels))
        plan.driven(step, now_ns)
    strobe = [at for at, found in put if Output.STROBE in found]
    assert max(strobe) - min(strobe) >= 18 * MS  # put at 3 ms steps, taken back by the next one
    after = min(at for at, found in put if at > max(strobe))
    assert after - min(strobe) >= 20 * MS


def test_heartbeat_toggles_with_each_beat_of_the_loop():
    plan = OutputPlan(SETTINGS)
    seen = []
    for beat in (5, 5, 6, 8, 8, 0):
        plan.show(StationView(7, State.READY, heartbeat=beat))
        seen.append(Output.HEARTBEAT in high(plan))
    assert seen == [False, False, True, False, False, True]


@pytest.mark.parametrize(
    ("view", "lines"),
    [
        (StationView(7, State.READY, ready=True), {Output.READY, Output.HEALTHY}),
        (StationView(7, State.SINGLE_EXECUTION, acquiring=True), {Output.BUSY, Output.HEALTHY}),
        (StationView(7, State.SINGLE_EXECUTION, inspecting=True), {Output.BUSY, Output.HEALTHY}),
        (StationView(7, State.ERROR, fault_code=101), set()),
        (StationView(7, State.HALTED), {Output.HEALTHY}),
    ],
)
def test_state_lines(view, lines):
    plan = OutputPlan(SETTINGS)
    plan.show(view)
    assert high(plan) == lines


@given(steps=st.lists(st.tuples(VIEWS | st.none(), st.integers(0, 40)), max_size=20))
def test_pass_is_high_only_while_a_valid_pass_is_shown(steps):
    plan, now_ns, last = OutputPlan(SETTINGS), 0, None
    for view, wait_ms in steps:
        if view is None:
            plan.silence()
        else:
            plan.show(view)
        last = view
        for _ in range(wait_ms):
            now_ns += MS
            plan.advance(now_ns)
            found = high(plan)
            plan.driven(plan.step, now_ns)
            if Output.PASS in found:
                assert last is not None
                assert last.result is not None
                assert last.result.outcome is Outcome.PASS
                assert last.result.session == last.session
                assert last.online
                assert last.fault_code == 0
            assert len(found & RESULTS) <= 1
            assert Output.STROBE not in found or plan.phase is Phase.STROBE
