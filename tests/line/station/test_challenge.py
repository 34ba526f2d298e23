from __future__ import annotations

import pytest

from line.station.oracle import Watched
from lineproof.core.codes import Cause, FaultCode
from lineproof.core.station import Acknowledged, Alive, Challenging, Enabled, Outcome, ResetAsked, Triggered
from lineproof.core.verdict import Decision, Reason
from lineproof.line.station.challenge import Check, KnownParts
from lineproof.line.station.events import Answered, Exposed, FaultGone, Finding, Inspected, Tick, Verified
from lineproof.line.station.station import Station, Terms, view_of

IDS = ("model", "rules")
GOOD = Finding(Decision.PASS)
BAD = Finding(Decision.FAIL, (Reason("dent.score", "a dent"),))
MIXED = {"OK-1": Outcome.PASS, "NG-1": Outcome.FAIL}
HOUR_MS = 3_600_000.0


class Line(Watched):
    """A station with known parts and no heartbeat to keep up."""

    def __init__(self, **known) -> None:
        terms = Terms(
            controller_timeout_ms=0, known_parts=KnownParts(**{"expected": MIXED} | known), reads_part_id=True
        )
        super().__init__(Station(terms, session=5))
        self.feed(Verified(*IDS))
        self.feed(Enabled(on=True))
        self.seq = 0

    def show(self, part_id: str, finding: Finding = GOOD, *, code: str = "") -> Outcome:
        """One part through the station, its answer read."""
        self.seq += 1
        effects = self.feed(Triggered(self.seq, part_id))
        effects += self.feed(Exposed(self.seq, "main", self.now_ns + 1_000_000, part_id=code), after_ms=1)
        effects += self.feed(Inspected(self.seq, "main", self.now_ns, *IDS, finding))
        (answer,) = (effect.result for effect in effects if isinstance(effect, Answered))
        self.answer = answer
        self.feed(Acknowledged(self.seq))
        return answer.outcome

    def check_all(self) -> None:
        """Every known part, judged as it must be."""
        assert (self.show("OK-1"), self.show("NG-1", BAD)) == (Outcome.PASS, Outcome.FAIL)

    @property
    def view(self):
        return view_of(self.station, self.now_ns)


def test_due_from_the_start_and_in_date_once_every_known_part_was_right():
    line = Line(grace_ms=1000)
    assert (line.view.challenge_due, line.view.ready, line.view.warning) == (True, True, False)
    assert line.show("4711") is Outcome.PASS  # within the grace, parts are inspected
    assert line.show("OK-1") is Outcome.PASS
    assert line.view.challenge_due
    assert line.show("NG-1", BAD) is Outcome.FAIL
    assert not line.view.challenge_due
    line.feed(Tick(), after_ms=100 * HOUR_MS)  # nothing says that it is due again
    assert not line.view.challenge_due
    assert not line.violations


def test_overdue_only_known_parts_are_inspected():
    line = Line(grace_ms=1000)
    line.feed(Tick(), after_ms=1000)
    assert (line.view.ready, line.view.warning, line.view.fault_code) == (False, True, 0)
    line.seq += 1
    (missed,) = line.feed(Triggered(line.seq, "4711"))
    assert missed.result.outcome is Outcome.MISSED
    assert "overdue: OK-1, NG-1" in missed.result.reasons[0].text
    line.check_all()
    assert line.view.ready
    assert line.show("4711") is Outcome.PASS
    assert not line.violations


def test_a_code_on_the_part_says_which_it_is():
    line = Line()
    assert line.show("", code="OK-1") is Outcome.PASS  # overdue at once: what it is can only be seen
    assert line.show("", code="4711") is Outcome.ERROR
    assert line.answer.reason_code == Cause.CHALLENGE
    assert "4711 is none of the known parts" in line.answer.reasons[0].text
    assert line.show("") is Outcome.ERROR
    assert line.show("", BAD, code="NG-1") is Outcome.FAIL
    assert line.show("", code="4712") is Outcome.PASS


def test_overdue_may_be_a_warning_alone():
    line = Line(overdue_stops=False)
    line.feed(Tick(), after_ms=1)
    assert (line.view.ready, line.view.warning, line.view.challenge_due) == (True, True, True)
    assert line.show("4711") is Outcome.PASS


def test_due_again_after_parts_and_after_hours():
    line = Line(every_parts=3, every_ms=HOUR_MS, grace_ms=1e9)
    line.check_all()
    assert [line.show(f"P{n}") for n in range(2)] == [Outcome.PASS] * 2
    assert not line.view.challenge_due
    line.show("P3", BAD)
    line.feed(Tick())
    assert line.view.challenge_due
    line.check_all()
    line.feed(Tick(), after_ms=HOUR_MS - 1000)
    assert not line.view.challenge_due
    line.feed(Tick(), after_ms=1000)
    assert line.view.challenge_due


@pytest.mark.parametrize(("part_id", "finding", "judged"), [("NG-1", GOOD, "PASS"), ("OK-1", BAD, "FAIL")])
def test_a_known_part_judged_wrong_stops_the_station_and_its_answer_is_never_shown(part_id, finding, judged):
    line = Line(grace_ms=1e9, overdue_stops=True)
    line.check_all()
    assert line.show(part_id, finding) is Outcome.ERROR
    assert line.answer.reason_code == Cause.CHALLENGE
    assert f"{part_id} is known to be {MIXED[part_id]} and was judged {judged}" in line.answer.reasons[0].text
    assert (line.view.fault_code, line.view.ready) == (FaultCode.GOLDEN_FAILED, False)
    line.feed(FaultGone(FaultCode.GOLDEN_FAILED))  # it does not go by itself
    assert line.view.fault_code == FaultCode.GOLDEN_FAILED
    line.feed(ResetAsked())
    assert (line.view.fault_code, line.view.ready, line.view.challenge_due) == (0, False, True)  # no grace this time
    assert line.show("OK-1") is Outcome.PASS
    assert not line.view.ready
    assert line.show("NG-1", BAD) is Outcome.FAIL
    assert (line.view.ready, line.view.challenge_due) == (True, False)


def test_a_known_part_that_was_not_inspected_says_nothing():
    line = Line()
    broken = Finding(Decision.FAULT, (Reason("engine", "it fell over"),))
    assert line.show("NG-1", broken) is Outcome.ERROR
    assert line.view.fault_code == 0
    assert line.station.check.left(line.station.terms.known_parts) == ("OK-1", "NG-1")


def test_in_challenge_mode_nothing_but_known_parts_counts():
    line = Line(grace_ms=1e9)
    line.check_all()
    line.feed(Challenging(on=True))
    assert line.view.ready
    assert line.show("4711") is Outcome.ERROR
    assert line.show("NG-1", BAD) is Outcome.FAIL
    line.feed(Challenging(on=False))
    assert line.show("4711") is Outcome.PASS


def test_leaving_challenge_mode_under_a_part_does_not_make_it_count():
    line = Line()
    line.feed(Challenging(on=True))
    line.feed(Triggered(1, "4711"))
    line.feed(Challenging(on=False))
    line.feed(Exposed(1, "main", line.now_ns + 1_000_000), after_ms=1)
    (answer,) = line.feed(Inspected(1, "main", line.now_ns, *IDS, GOOD))
    assert answer.outcome is Outcome.ERROR


def test_without_known_parts_challenge_mode_lets_nothing_pass():
    line = Line(expected={})
    assert not line.view.challenge_due
    line.feed(Challenging(on=True))
    assert line.show("4711") is Outcome.ERROR


def test_another_bundle_or_line_file_is_to_be_checked_and_the_same_is_not():
    line = Line(grace_ms=1e9)
    line.check_all()
    line.feed(Verified(*IDS))  # the engine was started again
    assert not line.view.challenge_due
    line.feed(Verified("model", "other rules"))
    line.feed(Tick())
    assert line.view.challenge_due


def test_another_bundle_does_not_excuse_a_known_part_that_was_judged_wrong():
    line = Line(grace_ms=1e9)
    line.show("NG-1")
    line.feed(ResetAsked())
    for rules in ("other rules", "rules"):
        line.feed(Verified("model", rules))
        line.feed(Tick())
        assert (line.view.fault_code, line.view.ready) == (0, False)


def test_a_new_session_of_the_controller_changes_nothing_about_the_check():
    line = Line(grace_ms=1e9)
    line.check_all()
    line.feed(Alive())
    assert not line.view.challenge_due


def test_what_is_shown_is_what_a_trigger_at_that_moment_meets():
    line = Line(every_ms=HOUR_MS)
    line.check_all()
    line.now_ns += int(HOUR_MS * 1e6)
    assert not line.view.ready
    line.seq += 1
    (missed,) = line.feed(Triggered(line.seq, "4711"))
    assert missed.outcome is Outcome.MISSED
    assert not line.violations


def test_a_round_that_ends_begins_the_count_anew():
    known = KnownParts(expected=MIXED, every_parts=2)
    check = Check().passed_by(known, 10)
    assert check.due_ns == 10
    for part_id, outcome in (("A", Outcome.PASS), ("NG-1", Outcome.FAIL), ("OK-1", Outcome.PASS)):
        check = check.judged(known, part_id, outcome, 20)
    assert check == Check(ended_ns=20)
