"""The state machine of a station: an event and a time in, the next state and what is to be done out.

The invariant: PASS(seq) exists only if one completed inference of every view ran on one intact frame exposed after
trigger seq, inside its deadline, with the verified active bundle and line file, and the controller's link is alive.
Every trigger that is new gets exactly one terminal answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from lineproof.core.codes import Cause, FaultCode
from lineproof.core.station import (
    Acknowledged,
    Alive,
    Challenging,
    Enabled,
    Halted,
    Outcome,
    PartResult,
    RecipeAsked,
    ResetAsked,
    Triggered,
)
from lineproof.core.verdict import Reason
from lineproof.line.station.answer import decide, lose
from lineproof.line.station.challenge import Check
from lineproof.line.station.events import (
    Answered,
    Event,
    Expose,
    Exposed,
    FaultGone,
    FaultSeen,
    Inspected,
    Noted,
    Prepare,
    Tick,
    Verified,
)
from lineproof.line.station.fusion import fuse
from lineproof.line.station.station import Part, Station, Step, next_session

_SEQ = 1 << 32


def step(station: Station, event: Event, now_ns: int) -> Step:
    """What an event means; time that has passed counts first, so that no event can overtake a deadline."""
    passed = _time(station, now_ns)
    after = _event(passed.station, event, now_ns)
    return Step(after.station, (*passed.effects, *after.effects))


def _time(station: Station, now_ns: int) -> Step:
    """A deadline that has passed, a controller that has fallen silent."""
    if not station.controller_alive(now_ns) and (station.alive_ns is not None):
        lost = lose(station, Cause.NO_CONTROLLER, "the controller's heartbeat stopped", now_ns)
        return Step(replace(lost.station, alive_ns=None, shown=None), lost.effects)
    if station.part is not None and now_ns > station.part.deadline_ns:
        return lose(station, Cause.DEADLINE, "no verdict in time", now_ns)
    check = station.check_at(now_ns)
    return Step(station if check is station.check else replace(station, check=check))


def _event(station: Station, event: Event, now_ns: int) -> Step:
    handle: Callable[[Station, Any, int], Step] = _HANDLERS[type(event)]
    return handle(station, event, now_ns)


def _triggered(station: Station, event: Triggered, now_ns: int) -> Step:
    if not 0 < event.seq < _SEQ or _known(station, event.seq):
        return Step(replace(station, repeated=station.repeated + 1))
    station = _counted_gap(station, event.seq)
    if station.shown is not None:  # nobody has read it, and its place is needed
        station = replace(station, shown=None, result_overrun=True)
    if not station.takes(event.part_id, now_ns):
        return _missed(station, event, now_ns)
    least_ms = min(filter(None, (event.deadline_ms, station.terms.deadline_ms)))
    part = Part(
        event.seq,
        event.part_id,
        station.recipe,
        now_ns,
        now_ns + int(least_ms * 1e6),
        station.model_id,
        station.ruleset_id,
        only_known=station.challenging or station.held_back(now_ns),
    )
    before_ns = station.last_triggered_ns
    started = replace(station, part=part, last_seq=event.seq, last_part_id=event.part_id, last_triggered_ns=now_ns)
    expose = Expose(part.seq, part.part_id, station.terms.views, part.triggered_ns, part.deadline_ns)
    if event.recipe not in (0, station.recipe):
        return lose(started, Cause.MIXED, f"recipe {event.recipe} was asked for, {station.recipe} is active", now_ns)
    if before_ns is not None and now_ns - before_ns < station.terms.lead_ns:
        text = "the part came within trigger_lead_ms of the one before: nobody can say whose picture it is"
        return lose(started, Cause.STALE_FRAME, text, now_ns)
    return Step(started, (expose,))


def _known(station: Station, seq: int) -> bool:
    """Answered, under way, or older than what was: numbers go up, modulo 2³² (RFC 1982)."""
    last = station.last_seq
    return last is not None and (last - seq) % _SEQ < _SEQ // 2


def _counted_gap(station: Station, seq: int) -> Station:
    if station.last_seq is None:
        return station
    return replace(station, skipped=station.skipped + (seq - station.last_seq) % _SEQ - 1)


def _missed(station: Station, event: Triggered, now_ns: int) -> Step:
    """No inspection can be started: answered at once, and latched."""
    busy = station.part is not None
    cause = Cause.BUSY if busy else Cause.NOT_READY
    result = PartResult(
        station.session,
        event.seq,
        event.part_id,
        Outcome.MISSED,
        (Reason("trigger", station.why_not(now_ns)),),
        cause,
        model_id=station.model_id,
        ruleset_id=station.ruleset_id,
        recipe=station.recipe,
    )
    counters = replace(station.counters, missed=station.counters.missed + 1)
    after = replace(
        station,
        missed_trigger=True,
        last_triggered_ns=now_ns,  # its part was strobed all the same
        last_seq=event.seq,
        last_part_id=station.last_part_id if busy else event.part_id,
        shown=station.shown if busy else result,  # the register is kept for the part under way
        counters=counters,
    )
    return Step(after, (Answered(result),))


def _exposed(station: Station, event: Exposed, now_ns: int) -> Step:
    part = station.part
    if part is None or part.seq != event.seq or event.view not in station.terms.views or event.view in part.exposed:
        return Step(station)
    if not event.intact:
        return lose(station, Cause.BROKEN_FRAME, event.why or f"a frame of {event.view} is not intact", now_ns)
    if event.exposed_ns <= part.triggered_ns - station.terms.lead_ns or event.exposed_ns > now_ns:
        return lose(station, Cause.STALE_FRAME, f"a frame of {event.view} was not exposed after its trigger", now_ns)
    if event.part_id and part.part_id not in ("", event.part_id):
        text = f"the code on the part is {event.part_id}, the trigger was for {part.part_id}"
        return lose(station, Cause.WRONG_PART, text, now_ns)
    known = replace(
        part,
        part_id=part.part_id or event.part_id,
        exposed=MappingProxyType({**part.exposed, event.view: event.exposed_ns}),
    )
    return Step(replace(station, part=known, last_part_id=known.part_id))


def _inspected(station: Station, event: Inspected, now_ns: int) -> Step:
    part = station.part
    if part is None or part.seq != event.seq or event.view not in station.terms.views or event.view in part.findings:
        return Step(station)
    if part.exposed.get(event.view) != event.exposed_ns:
        return lose(station, Cause.STALE_FRAME, f"{event.view} was inspected on another frame than its own", now_ns)
    active = (station.model_id, station.ruleset_id)
    if not station.verified or not (part.model_id, part.ruleset_id) == (event.model_id, event.ruleset_id) == active:
        return lose(station, Cause.MIXED, "bundle or line file changed under the part", now_ns)
    findings = MappingProxyType({**part.findings, event.view: event.finding})
    station = replace(station, part=replace(part, findings=findings))
    if len(findings) < len(station.terms.views):
        return Step(station)
    return decide(station, fuse(findings, station.terms.fusion), now_ns)


def _acknowledged(station: Station, event: Acknowledged, now_ns: int) -> Step:
    del now_ns
    read = station.shown is not None and station.shown.seq == event.seq
    return Step(replace(station, shown=None) if read else station)


def _alive(station: Station, event: Alive, now_ns: int) -> Step:
    """A controller that comes back must take up the sequence anew."""
    del event
    if station.alive_ns is not None or station.terms.controller_timeout_ms == 0:
        return Step(replace(station, alive_ns=now_ns))
    fresh = replace(station, alive_ns=now_ns, shown=None)
    if station.last_seq is None:
        return Step(fresh)
    return Step(replace(fresh, session=next_session(station.session), last_seq=None, last_part_id=""))


def _halted(station: Station, event: Halted, now_ns: int) -> Step:
    if not event.on:
        return Step(replace(station, halted=False))
    lost = lose(station, Cause.HALTED, "the station was stopped", now_ns)
    return Step(replace(lost.station, halted=True), lost.effects)


def _enabled(station: Station, event: Enabled, now_ns: int) -> Step:
    del now_ns
    return Step(replace(station, enabled=event.on))


def _challenging(station: Station, event: Challenging, now_ns: int) -> Step:
    del now_ns
    return Step(replace(station, challenging=event.on))


def _reset(station: Station, event: ResetAsked, now_ns: int) -> Step:
    del event, now_ns
    kept = frozenset(code for code in station.faults if not code.needs_reset)
    return Step(replace(station, faults=kept, missed_trigger=False, result_overrun=False))


def _recipe(station: Station, event: RecipeAsked, now_ns: int) -> Step:
    del now_ns
    if event.recipe in (0, station.recipe) and station.verified:
        return Step(station)
    return Step(replace(station, preparing=True), (Prepare(event.recipe),))


def _verified(station: Station, event: Verified, now_ns: int) -> Step:
    """A part under way is lost at once: swapped there and back again, it would look as if nothing had happened."""
    swapped = (event.model_id, event.ruleset_id, event.recipe) != (station.model_id, station.ruleset_id, station.recipe)
    lost = (
        lose(station, Cause.MIXED, "bundle or line file changed under the part", now_ns) if swapped else Step(station)
    )
    active = replace(
        lost.station,
        check=Check(failed=station.check.failed) if swapped else lost.station.check,
        verified=True,
        preparing=False,
        model_id=event.model_id,
        ruleset_id=event.ruleset_id,
        recipe=event.recipe,
    )
    return Step(active, lost.effects)


def _fault_gone(station: Station, event: FaultGone, now_ns: int) -> Step:
    del now_ns
    return Step(station if event.code.needs_reset else replace(station, faults=station.faults - {event.code}))


def _noted(station: Station, event: Noted, now_ns: int) -> Step:
    del now_ns
    return Step(replace(station, notes=event))


def _fault(station: Station, event: FaultSeen, now_ns: int) -> Step:
    lost = lose(station, Cause.FAULT, event.text or event.code.name, now_ns)
    verified = lost.station.verified and event.code is not FaultCode.BUNDLE_REFUSED
    faulted = replace(lost.station, faults=lost.station.faults | {event.code}, verified=verified)
    return Step(faulted, lost.effects)


def _tick(station: Station, event: Tick, now_ns: int) -> Step:
    """The heart beats with the decision loop, and only with it."""
    del event
    if station.beat_ns is not None and now_ns - station.beat_ns < station.terms.heartbeat_ms * 1e6:
        return Step(station)
    return Step(replace(station, heartbeat=(station.heartbeat + 1) % (1 << 16), beat_ns=now_ns))


_HANDLERS: dict[type[Event], Callable[[Station, Any, int], Step]] = {
    Triggered: _triggered,
    Exposed: _exposed,
    Inspected: _inspected,
    Acknowledged: _acknowledged,
    Alive: _alive,
    Enabled: _enabled,
    Challenging: _challenging,
    Halted: _halted,
    ResetAsked: _reset,
    RecipeAsked: _recipe,
    Verified: _verified,
    FaultSeen: _fault,
    FaultGone: _fault_gone,
    Noted: _noted,
    Tick: _tick,
}
