from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core import Reason
from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Counters, Outcome, PartResult, State, StationView
from lineproof.signals.opcua.address_space import RESULT, SHOWN, SNAPSHOT, Kind
from lineproof.signals.opcua.view import (
    Cell,
    Quality,
    nothing,
    sheet_of,
    state_name,
    updates,
    valid_result,
)

AT = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
numbers = st.integers(-(2**40), 2**40)
ids = st.integers(-1, 3) | st.sampled_from([2**32 - 1, 2**32])
words = st.text(max_size=6) | st.just("part\udcff")  # as in the name of a file that is not UTF-8
results = st.builds(
    PartResult,
    session=ids,
    seq=ids,
    part_id=words,
    outcome=st.sampled_from(Outcome),
    reasons=st.lists(st.builds(Reason, words, words), max_size=2).map(tuple),
    reason_code=numbers,
    defects=numbers,
    top_class=numbers,
    top_score=st.floats(),
    worst_size_um=numbers,
    latency_ms=st.floats(),
    frame_age_ms=st.floats(),
    recipe=numbers,
    at=st.just(AT),
)
views = st.builds(
    StationView,
    session=ids,
    state=st.sampled_from(State),
    result=st.none() | results,
    ready=st.booleans(),
    triggered=st.booleans(),
    fault_code=numbers,
    heartbeat=numbers,
    simulation=st.booleans(),
    part_id=words,
    recipe=numbers,
    counters=st.builds(Counters, numbers, numbers, numbers, numbers),
)
RANGES = {Kind.UINT16: 2**16, Kind.UINT32: 2**32}


def fits(kind: Kind, value: object) -> bool:
    if kind in RANGES:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < RANGES[kind]
    types = {Kind.BOOLEAN: bool, Kind.DOUBLE: float, Kind.DATE_TIME: datetime}
    return isinstance(value, types.get(kind, str)) and (not isinstance(value, str) or value.encode() is not None)


@given(views)
def test_every_variable_has_a_value_of_its_type_or_none_and_bad(view):
    sheet = sheet_of(view, "m")
    assert set(sheet) == {variable.path for variable in SHOWN}
    for variable in SHOWN:
        cell = sheet[variable.path]
        assert fits(variable.kind, cell.value) if cell.status == Quality.GOOD else cell.value is None


@given(views)
def test_a_good_pass_is_the_pass_of_the_result_shown_and_of_nothing_else(view):
    sheet = sheet_of(view)
    result = view.result
    passed = result is not None and result.outcome is Outcome.PASS and valid_result(view) is result
    seen = [
        sheet["Result/Outcome"] == Cell("PASS"),
        sheet["Result/OutcomeCode"] == Cell(OUTCOME_CODES[Outcome.PASS]),
        sheet[SNAPSHOT].status == Quality.GOOD and json.loads(sheet[SNAPSHOT].value)["outcome"] == "PASS",
    ]
    assert seen == [passed] * 3
    if passed:
        assert (sheet["Result/Seq"].value, sheet["Result/Session"].value) == (result.seq, view.session)


@given(views)
def test_result_variables_are_good_or_bad_together(view):
    sheet = sheet_of(view)
    statuses = {sheet[variable.path].status for variable in RESULT}
    valid = valid_result(view) is not None
    assert statuses == {Quality.GOOD if valid else Quality.BAD_NO_DATA}
    assert sheet["Status/ResultValid"] == Cell(valid)


@given(st.lists(views, max_size=5))
def test_written_step_by_step_clients_never_see_a_mixture(shown):
    held = nothing(Quality.BAD_WAITING_FOR_INITIAL_DATA)
    for view in shown:
        target = sheet_of(view)
        before = held
        for step in updates(held, target):
            held = held | step
            result = {variable.path: held[variable.path] for variable in RESULT}
            whole = [all(result[path] == sheet[path] for path in result) for sheet in (before, target)]
            assert any(whole) or all(cell.value is None for cell in result.values())
        assert held == target or _nan(held)


def _nan(sheet) -> bool:
    return any(cell.value != cell.value for cell in sheet.values())


def result(**facts) -> PartResult:
    facts = {"session": 7, "seq": 1, "part_id": "p", "outcome": Outcome.PASS, "at": AT} | facts
    return PartResult(**facts)


def test_between_two_results_everything_turns_bad_once():
    first = sheet_of(StationView(7, State.READY, result=result()))
    second = sheet_of(StationView(7, State.READY, result=result(seq=2)))
    blank, new = updates(first, second)
    assert set(blank) == set(new) == {variable.path for variable in RESULT}
    assert all(cell == Cell(None, Quality.BAD_NO_DATA) for cell in blank.values())
    assert new["Result/Outcome"] == Cell("PASS")


def test_only_what_changed_is_written():
    view = StationView(7, State.READY, result=result())
    assert updates(sheet_of(view), sheet_of(view)) == []
    assert updates(sheet_of(view), sheet_of(replace(view, heartbeat=1))) == [{"Status/Heartbeat": Cell(1)}]


@pytest.mark.parametrize(
    "shown",
    [None, result(session=8), result(seq=0), result(seq=2**32), result(seq=-1)],
    ids=["none", "another session", "no number", "too large", "negative"],
)
def test_what_is_no_result(shown):
    assert valid_result(StationView(7, State.READY, result=shown)) is None


@pytest.mark.parametrize("why", [Quality.BAD_WAITING_FOR_INITIAL_DATA, Quality.BAD_SHUTDOWN])
def test_nothing_is_bad_everywhere(why):
    assert set(nothing(why).values()) == {Cell(None, why)}
    assert len(nothing(why)) == len(SHOWN)


def test_numbers_and_names_are_those_of_opc_ua():
    for quality in Quality:
        name = "".join(word.capitalize() for word in quality.name.split("_"))
        assert getattr(ua.StatusCodes, name) == quality
    assert [state_name(state) for state in State] == [
        "Preoperational", "Halted", "Error", "Initialized", "Ready", "SingleExecution", "ContinuousExecution",
    ]  # fmt: skip


def test_the_snapshot_is_the_whole_result():
    reasons = (Reason("scratch.score", "0.9"),)
    view = StationView(7, State.READY, result=result(outcome=Outcome.FAIL, reasons=reasons, top_score=float("nan")))
    facts = json.loads(sheet_of(view, "m1")[SNAPSHOT].value)
    assert facts["result_id"] == "00000007-1"
    assert (facts["meas_id"], facts["outcome"], facts["top_score"]) == ("m1", "FAIL", None)
    assert facts["reasons"] == [["scratch.score", "0.9"]]
    assert len(facts) == 19


def test_numbers_stop_at_the_end_of_their_type_and_counters_run_over():
    view = StationView(7, State.READY, result=result(defects=2**40), heartbeat=65_537, counters=Counters(2**32 + 5))
    sheet = sheet_of(view)
    assert sheet["Result/Defects"] == Cell(2**32 - 1)
    assert sheet["Status/Heartbeat"] == Cell(1)
    assert sheet["Counters/Passed"] == Cell(5)
