"""Whatever a station shows, the message is valid, says nothing that is not known, and never makes a PASS."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Counters, Outcome, PartResult, State, StationView
from lineproof.core.verdict import Decision, Reason
from lineproof.signals.messages.result import MAX_REASONS, result_message
from lineproof.signals.messages.state import offline_message, state_message
from lineproof.signals.messages.values import as_historical, encode
from mqtt_rig import SCHEMAS, validator

STATE, RESULT = validator("state"), validator("result")
AT = datetime(2026, 11, 26, 19, 30, 0, 123456, UTC)

texts = st.text(max_size=40)
uint16, uint32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
floats = st.floats()  # NaN and infinity too
times = st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=45))]))
any_reason = st.builds(Reason, texts, texts, st.none() | st.integers(0, 1000))
any_result = st.builds(
    PartResult,
    session=uint32,
    seq=st.integers(1, 0xFFFF_FFFF),
    part_id=texts,
    outcome=st.sampled_from(Outcome),
    reasons=st.lists(any_reason, max_size=40).map(tuple),
    reason_code=uint16,
    defects=uint32,
    top_class=uint16,
    top_score=floats,
    worst_size_um=uint32,
    latency_ms=floats,
    frame_age_ms=floats,
    model_id=texts,
    ruleset_id=texts,
    recipe=uint16,
    at=times,
)
any_view = st.builds(
    StationView,
    session=uint32,
    state=st.sampled_from(State),
    result=st.none() | any_result,
    fault_code=uint16,
    heartbeat=uint16,
    part_id=texts,
    recipe=uint16,
    model_id=texts,
    ruleset_id=texts,
    counters=st.builds(Counters, uint32, uint32, uint32, uint32),
    **dict.fromkeys(
        [
            "ready",
            "triggered",
            "acquiring",
            "acquired",
            "inspecting",
            "missed_trigger",
            "result_overrun",
            "warning",
            "challenge_due",
            "simulation",
            "degraded",
            "storage_degraded",
            "drift",
        ],
        st.booleans(),
    ),
)


def sent(message: dict) -> dict:
    """As the other end reads it."""
    return json.loads(encode(message))


@given(any_result)
def test_any_result_is_a_valid_message(result):
    message = sent(result_message(result, "plant/line/station"))
    RESULT.validate(message)
    assert (message["decision"] == "PASS") is (result.outcome is Outcome.PASS)
    assert (message["session"], message["seq"]) == (result.session, result.seq)
    RESULT.validate(json.loads(as_historical(encode(message))))


@given(any_view)
def test_any_view_is_a_valid_message(view):
    message = sent(state_message(view, AT))
    STATE.validate(message)
    assert (message["result"] is None) is (view.result is None)


@given(st.none() | uint32)
def test_offline_says_nothing_but_the_session(session):
    message = sent(offline_message(session))
    STATE.validate(message)
    known = {key for key, value in message.items() if value is not None} - {"session"}
    assert known == {"schema", "status", "is_historical"}
    assert message["session"] == session


def test_a_result_says_all_it_knows():
    result = PartResult(
        7, 41, "p-41", Outcome.FAIL, (Reason("scratch.score", "score 0.91 ≥ 0.4", 2),), 301, 3, 0, 0.91, 420, 23.4, 31.25,
        "ab12", "cd34", 5, AT,
    )  # fmt: skip
    assert sent(result_message(result, "plant/line/station")) == {
        "schema": "lineproof/result/1",
        "station": "plant/line/station",
        "session": 7,
        "seq": 41,
        "part_id": "p-41",
        "outcome": "FAIL",
        "decision": "FAIL",
        "reasons": [{"rule": "scratch.score", "text": "score 0.91 ≥ 0.4", "detection": 2}],
        "reasons_omitted": 0,
        "reason_code": 301,
        "defects": 3,
        "top_class": 0,
        "top_score": 0.91,
        "worst_size_um": 420,
        "latency_ms": 23.4,
        "frame_age_ms": 31.25,
        "model_id": "ab12",
        "ruleset_id": "cd34",
        "recipe": 5,
        "at": "2026-11-26T19:30:00.123Z",
        "is_historical": False,
    }


UNKNOWN = [
    "part_id",
    "reason_code",
    "top_class",
    "top_score",
    "worst_size_um",
    "latency_ms",
    "frame_age_ms",
    "model_id",
    "ruleset_id",
    "recipe",
]


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_not_known_is_null(outcome):
    message = sent(result_message(PartResult(7, 1, "", outcome), ""))
    assert [message[name] for name in UNKNOWN] == [None] * len(UNKNOWN)
    assert message["defects"] == (None if outcome.decision is Decision.FAULT else 0)


def test_many_reasons_are_cut_and_counted():
    result = PartResult(7, 1, "p", Outcome.FAIL, tuple(Reason("r", "t" * 9999) for _ in range(MAX_REASONS + 5)))
    message = result_message(result, "s")
    RESULT.validate(message)
    assert message["reasons_omitted"] == 5
    assert len(encode(message)) < 20_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decision": "PASS"}, "'FAULT' was expected"),
        ({"seq": 0}, "minimum"),
        ({"session": None}, "not of type 'integer'"),
        ({"part_id": ""}, "is too short|non-empty"),
        ({"latency_ms": 0}, "less than or equal"),
        ({"at": "2026-11-26T19:30:00+01:00"}, "does not match"),
        ({"extra": 1}, "Additional properties"),
    ],
)
def test_the_schema_of_results_refuses(change, says):
    message = {**result_message(PartResult(7, 1, "p", Outcome.ERROR), "s"), **change}
    with pytest.raises(Exception, match=says):
        RESULT.validate(message)


@pytest.mark.parametrize("name", ["ready", "state", "counters", "heartbeat", "result"])
def test_the_schema_of_states_refuses_an_offline_station_that_knows(name):
    view = StationView(7, State.READY, result=PartResult(7, 1, "p", Outcome.PASS))
    message = {**offline_message(7), name: state_message(view, AT)[name]}
    with pytest.raises(Exception, match="None was expected"):
        STATE.validate(message)


@pytest.mark.parametrize("name", ["session", "ready", "state", "counters", "heartbeat"])
def test_the_schema_of_states_refuses_an_online_station_that_does_not(name):
    message = {**state_message(StationView(7, State.READY), AT), name: None}
    with pytest.raises(Exception, match="should not be valid under"):
        STATE.validate(message)


def test_each_schema_names_its_version():
    for path in SCHEMAS.glob("*.schema.json"):
        assert json.loads(path.read_text())["$id"] == f"lineproof/{path.name.split('.')[0]}/1"
