"""What happened between two views: the events of OPC 40100-1, pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from lineproof.core.station import State, StationView
from lineproof.signals.opcua.view import UINT16_MAX, result_id, snapshot, state_name, text, valid_result

# Severities of OPC UA Part 5, 6.4.2: 1 is a message, 1000 a catastrophe.
INFORMATION, WARNING, FAULT = 100, 500, 800
REMEMBERED = 64  # results of which nothing is told twice


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `name` and `fields` are those of `address_space.EVENTS`."""

    name: str
    message: str
    severity: int = INFORMATION
    fields: dict[str, object] = field(default_factory=dict)


def happened(before: StationView | None, after: StationView, meas_id: str = "") -> list[Event]:
    """The events that lead from one view to the next, in the order of a job; None or another session: a fresh start."""
    if before is None or before.session != after.session:
        before = StationView(session=after.session, state=State.PREOPERATIONAL)
    events: list[Event] = []
    if after.state != before.state:
        events.append(_state_changed(before.state, after.state))
    started = _under_way(after) and (not _under_way(before) or before.part_id != after.part_id)
    part: dict[str, object] = {"PartId": text(after.part_id)}
    if started:
        events.append(Event("JobStarted", "the trigger was taken", fields=part | {"Recipe": max(after.recipe, 0)}))
    if after.acquired and (started or not before.acquired):
        events.append(Event("AcquisitionDone", "the part may move", fields=part))
    events += _result_ready(before, after, meas_id)
    stopped = after.state is State.ERROR and before.state is not State.ERROR
    if stopped or (after.fault_code and after.fault_code != before.fault_code):
        code = min(max(after.fault_code, 0), UINT16_MAX)
        facts = {"FaultCode": code, "State": state_name(after.state)}
        events.append(Event("ErrorEvent", f"fault {code}", FAULT, facts))
    return events


class Narrator:
    """Tells what happens view by view; ResultReady once for each session and number."""

    def __init__(self) -> None:
        self._before: StationView | None = None
        self._told: deque[object] = deque(maxlen=REMEMBERED)

    def tell(self, view: StationView, meas_id: str = "") -> list[Event]:
        """What happened since the last view."""
        events = happened(self._before, view, meas_id)
        self._before = view
        fresh = []
        for event in events:
            if event.name == "ResultReady":
                if event.fields["ResultId"] in self._told:
                    continue
                self._told.append(event.fields["ResultId"])
            fresh.append(event)
        return fresh


def _state_changed(old: State, new: State) -> Event:
    facts: dict[str, object] = {
        "FromState": state_name(old),
        "FromNumber": int(old),
        "ToState": state_name(new),
        "ToNumber": int(new),
    }
    severity = WARNING if new in (State.ERROR, State.HALTED) else INFORMATION
    return Event("StateChanged", f"{state_name(old)} to {state_name(new)}", severity, facts)


def _under_way(view: StationView) -> bool:
    return view.triggered and valid_result(view) is None


def _result_ready(before: StationView, after: StationView, meas_id: str) -> list[Event]:
    old, new = valid_result(before), valid_result(after)
    if new is None or (old is not None and old.seq == new.seq):
        return []
    facts: dict[str, object] = {
        "ResultId": result_id(new),
        "JobId": new.seq,
        "Session": new.session,
        "PartId": text(new.part_id),
        "Outcome": new.outcome.value,
        "IsSimulated": after.simulation,
        "ResultSnapshot": snapshot(after, new, meas_id),
    }
    return [Event("ResultReady", f"{text(new.part_id)}: {new.outcome.value}", fields=facts)]
