from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from line.station.drive import live
from line.station.oracle import Watched
from lineproof.core.codes import Cause, FaultCode
from lineproof.core.station import (
    Acknowledged,
    Alive,
    Enabled,
    Halted,
    Outcome,
    RecipeAsked,
    ResetAsked,
    State,
    Triggered,
)
from lineproof.core.verdict import Decision, Reason
from lineproof.line.station import machine
from lineproof.line.station.challenge import KnownParts
from lineproof.line.station.events import (
    Abandon,
    Answered,
    Expose,
    Exposed,
    FaultGone,
    FaultSeen,
    Finding,
    Inspected,
    Prepare,
    Tick,
    Verified,
)
from lineproof.line.station.station import Station, Terms, next_session, view_of

GOOD = Finding(Decision.PASS)
BAD = Finding(
    Decision.FAIL, (Reason("dent.score", "a dent"),), defects=1, top_class=3, top_score=0.9, worst_size_um=700
)
IDS = ("model", "rules")


def ready(**terms) -> Watched:
    """A station that waits for its first trigger."""
    watched = Watched(Station(Terms(**terms), session=11))
    watched.feed(Verified(*IDS))
    watched.feed(Enabled(on=True))
    watched.feed(Alive())
    assert view_of(watched.station, watched.now_ns).ready
    return watched


def outcomes(effects) -> list[Outcome]:
    return [effect.outcome for effect in effects if isinstance(effect, Answered)]


def inspect(watched, seq, finding=GOOD, view="main", ids=IDS):
    watched.feed(Exposed(seq, view, watched.now_ns + 5_000_000), after_ms=5)
    return watched.feed(Inspected(seq, view, watched.now_ns, *ids, finding), after_ms=0)


def test_a_good_part_passes_and_is_read():
    line = ready()
    assert line.feed(Triggered(1, "A-1")) == [Expose(1, "A-1", ("main",), line.now_ns, line.now_ns + 200_000_000)]
    assert view_of(line.station, line.now_ns).state is State.SINGLE_EXECUTION
    (answer,) = inspect(line, 1)
    assert (answer.outcome, answer.result.part_id, answer.result.reason_code) == (Outcome.PASS, "A-1", 0)
    assert answer.result.latency_ms == 5.0
    view = view_of(line.station, line.now_ns)
    assert (view.result, view.state, view.ready) == (answer.result, State.READY, True)
    line.feed(Acknowledged(2))
    assert view_of(line.station, line.now_ns).result is not None  # another number reads nothing
    line.feed(Acknowledged(1))
    assert view_of(line.station, line.now_ns).result is None
    line.end()
    assert line.violations == []


def test_a_bad_part_fails_with_what_a_controller_can_use():
    line = ready()
    line.feed(Triggered(1, "A-1"))
    (answer,) = inspect(line, 1, BAD)
    result = answer.result
    assert (result.outcome, result.reason_code, result.defects) == (Outcome.FAIL, Cause.REJECTED, 1)
    assert (result.top_class, result.top_score, result.worst_size_um) == (3, 0.9, 700)
    assert view_of(line.station, line.now_ns).counters.failed == 1


def ends_in_error(line, event, cause, after_ms=0.0):
    effects = line.feed(event, after_ms)
    (answer,) = [effect for effect in effects if isinstance(effect, Answered)]
    assert (answer.outcome, answer.result.reason_code) == (Outcome.ERROR, cause)
    assert Abandon(answer.result.seq) in effects
    assert line.violations == []


def test_whatever_goes_wrong_under_a_part_is_an_error():
    cases = {
        "no frame": (Tick(), Cause.DEADLINE, 201),
        "controller gone": (Tick(), Cause.NO_CONTROLLER, 301),
        "torn frame": (Exposed(1, "main", 1_005_000_000, intact=False), Cause.BROKEN_FRAME, 5),
        "frame of before": (Exposed(1, "main", 999_000_000), Cause.STALE_FRAME, 5),
        "frame of the future": (Exposed(1, "main", 2_000_000_000), Cause.STALE_FRAME, 5),
        "camera lost": (FaultSeen(FaultCode.CAMERA_LOST), Cause.FAULT, 5),
        "stopped": (Halted(on=True), Cause.HALTED, 5),
    }
    for event, cause, after_ms in cases.values():
        line = ready(deadline_ms=200 if cause is not Cause.NO_CONTROLLER else 1000)
        line.feed(Triggered(1))
        ends_in_error(line, event, cause, after_ms)


def test_a_verdict_on_another_frame_or_by_another_bundle_is_an_error():
    for change, cause in (
        ({"exposed_ns": 4}, Cause.STALE_FRAME),
        ({"model_id": "other"}, Cause.MIXED),
        ({"ruleset_id": "other"}, Cause.MIXED),
    ):
        line = ready()
        line.feed(Triggered(1))
        line.feed(Exposed(1, "main", line.now_ns + 1_000_000), after_ms=1)
        verdict = Inspected(1, "main", line.now_ns, *IDS, GOOD)
        ends_in_error(line, replace(verdict, **change), cause)


def test_a_bundle_swapped_under_a_part_is_an_error_even_when_it_is_swapped_back():
    line = ready()
    line.feed(Triggered(1))
    line.feed(Verified(*IDS))  # the same once more changes nothing
    line.feed(Exposed(1, "main", line.now_ns + 1_000_000), after_ms=1)
    ends_in_error(line, Verified("new", "rules"), Cause.MIXED)
    line.feed(Verified(*IDS))
    assert line.feed(Inspected(1, "main", line.now_ns, *IDS, GOOD)) == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (Enabled(on=False), "the station is not enabled"),
        (Halted(on=True), "the station is halted"),
        (FaultSeen(FaultCode.CAMERA_LOST), "fault CAMERA_LOST"),
        (RecipeAsked(2), "no verified bundle is active"),
        (FaultSeen(FaultCode.BUNDLE_REFUSED), "fault BUNDLE_REFUSED"),
    ],
)
def test_a_trigger_that_cannot_be_started_is_missed_and_latched(spoil, why):
    line = ready()
    line.feed(spoil)
    (answer,) = [e for e in line.feed(Triggered(1, "A")) if isinstance(e, Answered)]
    assert (answer.outcome, answer.result.reasons[0].text) == (Outcome.MISSED, why)
    view = view_of(line.station, line.now_ns)
    assert (view.missed_trigger, view.result) == (True, answer.result)
    line.feed(ResetAsked())
    assert not view_of(line.station, line.now_ns).missed_trigger


def test_without_a_controller_nothing_is_ready_or_shown():
    line = Watched(Station(Terms(), session=11))
    line.feed(Verified(*IDS))
    line.feed(Enabled(on=True))
    assert not view_of(line.station, line.now_ns).ready
    assert outcomes(line.feed(Triggered(1))) == [Outcome.MISSED]
    assert view_of(line.station, line.now_ns).result is None


def test_a_controller_that_comes_back_finds_a_new_session_and_no_old_result():
    line = ready()
    line.feed(Triggered(5))
    inspect(line, 5)
    assert view_of(line.station, line.now_ns).result is not None
    line.feed(Tick(), after_ms=400)
    assert view_of(line.station, line.now_ns).result is None
    line.feed(Alive())
    view = view_of(line.station, line.now_ns)
    assert (view.session, view.result, view.ready) == (next_session(11), None, True)
    line.feed(Triggered(1))
    assert outcomes(inspect(line, 1)) == [Outcome.PASS]  # numbers begin anew


def test_a_trigger_too_many_is_missed_and_the_part_under_way_keeps_its_place():
    line = ready()
    line.feed(Triggered(1, "first"))
    assert outcomes(line.feed(Triggered(2, "second"), after_ms=10)) == [Outcome.MISSED]
    assert line.station.shown is None
    assert outcomes(inspect(line, 1)) == [Outcome.PASS]
    assert line.station.shown.seq == 1


def test_a_result_that_nobody_read_makes_room_and_is_latched():
    line = ready()
    line.feed(Triggered(1))
    inspect(line, 1)
    line.feed(Triggered(2))
    view = view_of(line.station, line.now_ns)
    assert (view.result, view.result_overrun) == (None, True)


def test_numbers_go_up_and_around():
    line = ready()
    line.feed(Triggered((1 << 32) - 1))
    inspect(line, (1 << 32) - 1)
    for old in ((1 << 32) - 1, (1 << 32) - 2, 0):
        assert line.feed(Triggered(old)) == []
    line.feed(Triggered(3))  # 0 is none, 1 and 2 never came
    assert outcomes(inspect(line, 3)) == [Outcome.PASS]
    assert (line.station.repeated, line.station.skipped) == (3, 3)


def test_a_recipe_is_prepared_and_no_part_is_inspected_with_the_wrong_one():
    line = ready()
    assert line.feed(RecipeAsked(4)) == [Prepare(4)]
    assert view_of(line.station, line.now_ns).state is State.PREOPERATIONAL
    line.feed(Verified("model-4", "rules", recipe=4))
    assert line.feed(RecipeAsked(4)) == []
    line.feed(Triggered(1, recipe=4))
    assert outcomes(inspect(line, 1, ids=("model-4", "rules"))) == [Outcome.PASS]
    assert outcomes(line.feed(Triggered(2, recipe=5))) == [Outcome.ERROR]


def test_every_view_must_be_inspected_and_all_reasons_are_kept():
    line = ready(views=("top", "side"))
    line.feed(Triggered(1))
    assert inspect(line, 1, view="top") == []
    (answer,) = inspect(line, 1, BAD, view="side")
    assert answer.outcome is Outcome.FAIL
    assert answer.result.reasons[0].rule == "side: dent.score"


@pytest.mark.parametrize(("fusion", "outcome"), [("any", "FAIL"), (1, "FAIL"), (2, "PASS"), ("all", "PASS")])
def test_so_many_views_must_reject(fusion, outcome):
    line = ready(views=("top", "side"), fusion=fusion)
    line.feed(Triggered(1))
    inspect(line, 1, view="top")
    assert outcomes(inspect(line, 1, BAD, view="side")) == [Outcome(outcome)]


def test_a_simulated_part_cannot_pass_unless_the_site_says_so():
    for allowed, outcome in ((False, Outcome.ERROR), (True, Outcome.PASS)):
        line = ready(simulation=True, pass_in_simulation=allowed)
        line.feed(Triggered(1))
        assert outcomes(inspect(line, 1)) == [outcome]
        assert view_of(line.station, line.now_ns).simulation


def test_a_fault_ends_with_its_cause_and_some_only_by_reset():
    line = ready()
    line.feed(FaultSeen(FaultCode.CAMERA_LOST))
    line.feed(FaultSeen(FaultCode.GOLDEN_FAILED))
    view = view_of(line.station, line.now_ns)
    assert (view.state, view.fault_code, view.ready) == (State.ERROR, FaultCode.CAMERA_LOST, False)
    line.feed(FaultGone(FaultCode.CAMERA_LOST))
    line.feed(FaultGone(FaultCode.GOLDEN_FAILED))
    assert view_of(line.station, line.now_ns).fault_code == FaultCode.GOLDEN_FAILED
    line.feed(ResetAsked())
    assert view_of(line.station, line.now_ns).state is State.READY


def test_the_heart_beats_with_the_loop_and_not_faster_than_agreed():
    line = ready(heartbeat_ms=100)
    for _ in range(10):
        line.feed(Alive())
        line.feed(Tick(), after_ms=30)
    assert line.station.heartbeat == 3


RUNS = int(os.environ.get("LINEPROOF_STATION_RUNS", "300"))  # 10,000 by the benchmark script


@settings(max_examples=RUNS, deadline=None)
@given(st.integers(0, 2**63))
def test_no_life_of_a_station_holds_an_illegal_pass(seed):
    assert live(seed).violations == []


def test_lives_reach_everything_that_can_be_answered():
    answers = Counter(o for seed in range(200) for t in live(seed).triggers.values() for o in t.answers)
    assert set(answers) == set(Outcome)
    assert answers[Outcome.PASS] > 100


def careless(old, station, event, now):
    """Takes any intact frame, whenever it was exposed."""
    part = station.part
    if part is None or part.seq != event.seq or event.view in part.exposed or not event.intact:
        return old(station, event, now)
    return machine.Step(replace(station, part=replace(part, exposed={**part.exposed, event.view: event.exposed_ns})))


# Bugs that a test of this machine must be able to see.
def trusting(old, station, finding, now):
    """Whatever is known of a part, its verdict is shown."""
    after = old(replace(station, terms=replace(station.terms, known_parts=KnownParts())), finding, now)
    return replace(after, station=replace(after.station, terms=station.terms))


BUGS = {
    "parts closer than the strobe's lead are told apart": (
        "_triggered",
        lambda old: lambda station, event, now: old(replace(station, last_triggered_ns=None), event, now),
    ),
    "a known part judged wrong is shown": ("decide", lambda old: partial(trusting, old)),
    "deadlines are not looked at": ("_time", lambda old: lambda station, now: machine.Step(station)),
    "frames of before the trigger count": ("_exposed", lambda old: partial(careless, old)),
    "torn frames count": (
        "_exposed",
        lambda old: lambda station, event, now: old(station, replace(event, intact=True), now),
    ),
    "another bundle's verdict counts": (
        "_inspected",
        lambda old: (
            lambda station, event, now: old(
                station, replace(event, model_id=station.model_id, ruleset_id=station.ruleset_id), now
            )
        ),
    ),
    "repeated triggers are inspected again": ("_known", lambda old: lambda station, seq: False),
    "a fault leaves the part under way alone": (
        "_fault",
        lambda old: lambda station, event, now: machine.Step(replace(station, faults=station.faults | {event.code})),
    ),
    "an acknowledged result stays": ("_acknowledged", lambda old: lambda station, event, now: machine.Step(station)),
    "FAULT of the engine passes": (
        "decide",
        lambda old: (
            lambda station, finding, now: old(station, GOOD if finding.decision is Decision.FAULT else finding, now)
        ),
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug, monkeypatch):
    name, broken = BUGS[bug]
    old = getattr(machine, name)
    new = broken(old)
    monkeypatch.setattr(machine, name, new)
    handlers = {event: new if handler is old else handler for event, handler in machine._HANDLERS.items()}
    monkeypatch.setattr(machine, "_HANDLERS", handlers)
    assert any(live(seed).violations for seed in range(400))
