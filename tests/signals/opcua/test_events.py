from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.signals.opcua.address_space import EVENTS
from lineproof.signals.opcua.events import Narrator, happened

READY = StationView(7, State.READY, ready=True)
UNDER_WAY = StationView(7, State.SINGLE_EXECUTION, triggered=True, acquiring=True, part_id="p")
ACQUIRED = replace(UNDER_WAY, acquiring=False, acquired=True)


def done(seq: int = 1, session: int = 7, outcome: Outcome = Outcome.PASS) -> StationView:
    result = PartResult(session, seq, "p", outcome)
    return StationView(session, State.READY, result=result, ready=True, triggered=True, acquired=True, part_id="p")


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (None, READY, ["StateChanged"]),
        (None, StationView(7, State.PREOPERATIONAL), []),
        (READY, READY, []),
        (READY, replace(READY, heartbeat=5), []),
        (READY, UNDER_WAY, ["StateChanged", "JobStarted"]),
        (UNDER_WAY, replace(UNDER_WAY, inspecting=True), []),
        (UNDER_WAY, replace(UNDER_WAY, part_id="q"), ["JobStarted"]),
        (UNDER_WAY, ACQUIRED, ["AcquisitionDone"]),
        (ACQUIRED, done(), ["StateChanged", "ResultReady"]),
        (READY, done(outcome=Outcome.MISSED), ["AcquisitionDone", "ResultReady"]),
        (done(1), done(2), ["ResultReady"]),
        (done(1), READY, []),
        (done(1), done(1), []),
        (done(1), done(1, session=8), ["StateChanged", "AcquisitionDone", "ResultReady"]),
        # Another session begins anew, and the result of the old one is none.
        (READY, replace(done(), session=9), ["StateChanged", "JobStarted", "AcquisitionDone"]),
        (READY, StationView(7, State.ERROR, fault_code=3), ["StateChanged", "ErrorEvent"]),
        (READY, StationView(7, State.ERROR), ["StateChanged", "ErrorEvent"]),
        (replace(READY, fault_code=3), replace(READY, fault_code=4), ["ErrorEvent"]),
        (replace(READY, fault_code=3), READY, []),
    ],
)
def test_what_happened_between_two_views(before, after, names):
    assert [event.name for event in happened(before, after)] == names


def test_a_state_changes_from_its_name_and_number_to_another():
    event = happened(READY, UNDER_WAY)[0]
    assert event.fields == {"FromState": "Ready", "FromNumber": 6, "ToState": "SingleExecution", "ToNumber": 7}
    assert event.message == "Ready to SingleExecution"


def test_a_result_is_told_with_its_number_and_all_of_it():
    fields = happened(ACQUIRED, done(5), "m1")[-1].fields
    assert (fields["ResultId"], fields["JobId"], fields["Session"]) == ("00000007-5", 5, 7)
    assert '"meas_id":"m1"' in str(fields["ResultSnapshot"])


shown = st.sampled_from([READY, UNDER_WAY, ACQUIRED]) | st.builds(done, st.integers(1, 4), st.sampled_from([7, 8]))


@given(st.lists(shown, max_size=30))
def test_every_result_is_told_once(views):
    narrator = Narrator()
    told = [event for view in views for event in narrator.tell(view)]
    ready = [(event.fields["Session"], event.fields["JobId"]) for event in told if event.name == "ResultReady"]
    assert len(ready) == len(set(ready))
    assert set(ready) == {(view.session, view.result.seq) for view in views if view.result}
    for event in told:
        assert set(event.fields) == {name for name, _ in EVENTS[event.name]}
