"""The check can fail: every way in which a record or a fate may be wrong is put in, and seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineproof.core.station import Outcome
from lineproof.line.conduct.settings import StationSettings
from lineproof.records.model import InspectionRow
from lineproof.signals.io_map import IoMap, StationPlace
from lineproof.sim.live.campaign import LiveTally, Played
from lineproof.sim.live.controller import Fate
from lineproof.sim.live.oracle import judge
from lineproof.sim.live.plan import Plan
from lineproof.sim.live.report import Kept, Result, facts_of, table_of, words_of
from lineproof.sim.scenario import Scenario

SESSION = 0xABCD
OUTCOMES = (Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.ERROR)


def plan(fusion="any") -> Plan:
    cameras = [{"kind": "folder", "path": view, "view": view} for view in ("top", "side")]
    press = StationSettings.model_validate({"trigger": "modbus", "cameras": cameras, "fusion": fusion})
    scenario = Scenario(name="test", faults=("halted", "camera_lost"))
    return Plan({"press": press}, IoMap(stations={"press": StationPlace()}), scenario, 4, 100, 3)


def played(**changes) -> Played:
    """Four parts as a careful controller and a good line leave them."""
    fates = [
        Fate("press", n, f"P{n}", SESSION, n, outcome is Outcome.PASS, outcome, False, None, n * 10, n * 10 + 5)
        for n, outcome in enumerate(OUTCOMES, 1)
    ]
    facts = {"fates": fates, "offered": {"press": 4}, "faults": {"halted": LiveTally(done=1, back_ms=800)}}
    return Played(**(facts | changes))


def rows() -> list[InspectionRow]:
    """Their records."""
    return [
        InspectionRow(
            session=SESSION,
            seq=n,
            part_id=f"P{n}",
            view=view,
            outcome=outcome.value,
            decision=outcome.decision.value if view == "top" or outcome is Outcome.ERROR else "PASS",
            reasons=[]
            if outcome is Outcome.PASS or (view == "side" and outcome is Outcome.FAIL)
            else [{"text": "blue"}],
            origin=f"/data/{view}-{n}.png",
            triggered_ns=n * 10,
            result_ns=n * 10 + 4,
        )
        for n, outcome in enumerate(OUTCOMES, 1)
        for view in ("top", "side")
    ]


def doctored(number: int, **facts) -> list[InspectionRow]:
    """One row that is other than it should be."""
    found = rows()
    for name, value in facts.items():
        setattr(found[number], name, value)
    return found


def with_fate(number: int, **facts) -> Played:
    """One fate that is other than it should be."""
    fates = played().fates
    fates[number] = replace(fates[number], **facts)
    return played(fates=fates)


def test_what_is_as_it_should_be_is_safe():
    judged = judge(plan(), played(), rows())
    assert judged.safe
    assert judged.outcomes == {"PASS": 2, "FAIL": 1, "ERROR": 1}
    assert len(judged.latencies_ms) == 3


@pytest.mark.parametrize(
    ("fates", "written", "says"),
    [
        (with_fate(1, passed=True), rows(), "top is recorded as FAIL"),
        (with_fate(3, passed=True, read=None), rows(), "top is recorded as ERROR"),
        (played(), doctored(0, decision="FAIL"), "top rejected it"),
        (played(), doctored(1, decision="REVIEW"), "side rejected it"),
        (played(), doctored(1, decision="FAULT"), "side was not inspected"),
        (played(), doctored(0, reasons=[{"text": "a scratch"}]), "top has a reason against it: a scratch"),
        (played(), doctored(0, part_id="P9"), "the record of top is about part P9"),
        (played(), rows()[1:], "there are rows of side instead of side, top"),
        (played(), doctored(0, view="side"), "there are rows of side, side instead of side, top"),
        (played(), rows()[2:], "there is no record of it"),
        (played(), doctored(0, session=7)[2:], "there is no record of it"),
    ],
)
def test_a_part_that_may_not_have_been_let_through_is_seen(fates, written, says):
    judged = judge(plan(), fates, written)
    assert not judged.safe
    assert len(judged.wrong_pass) == 1
    assert says in judged.wrong_pass[0][1]


@pytest.mark.parametrize(
    ("field", "fates", "written", "says"),
    [
        ("contradicted", with_fate(1, read=Outcome.PASS), rows(), "the controller read PASS, the record says FAIL"),
        ("contradicted", played(), doctored(1, decision="FAULT"), "PASS, and not every view was inspected"),
        (
            "answered_twice",
            played(),
            [*rows(), rows()[2]],
            "trigger 2 of session 0000abcd: top FAIL, side FAIL, top FAIL",
        ),
        ("answered_twice", played(), doctored(2, outcome="PASS"), "top PASS, side FAIL"),
        ("unanswered", played(), rows()[:6], "part 4 of press (trigger 4): its trigger is not in the records"),
        ("fates", played(offered={"press": 5}), rows(), "part 5 of press has 0 fates"),
        ("fates", played(fates=[*played().fates, played().fates[0]]), rows(), "part 1 of press has 2 fates"),
        ("fates", with_fate(3, seq=2), rows(), "trigger 2 of press stands for 2 parts"),
    ],
)
def test_answers_and_fates_that_do_not_go_together_are_seen(field, fates, written, says):
    judged = judge(plan(), fates, written)
    assert not judged.safe
    assert any(says in words for words in getattr(judged, field)), judged


def test_rows_lost_with_the_killed_process_are_told_apart():
    first = rows()[:4]

    def judged(killed_ns, written=first):
        return judge(plan(), played(killed_ns=(killed_ns,)), written)

    assert judged(50 + 900_000_000).safe
    assert judged(50 + 900_000_000).lost_with_kill == [
        "part 3 of press (trigger 3), PASS",
        "part 4 of press (trigger 4), ERROR",
    ]
    late = with_fate(3, read=None)
    late.killed_ns = (50 + 900_000_000,)
    assert judge(plan(), late, rows()[:6]).lost_with_kill == ["part 4 of press (trigger 4), read too late"]
    assert not judged(50 + 5_100_000_000).safe  # long before
    assert not judged(30).safe  # after it
    assert not judged(50 + 900_000_000, [*first, *rows()[6:]]).safe  # a later one was written


def test_a_trigger_lost_in_a_fault_or_with_the_wire_is_no_finding():
    assert judge(plan(), with_fate(3, fault="link_down", read=None), rows()[:6]).safe
    assert judge(plan(), with_fate(3, wire_lost=True, read=None), rows()[:6]).safe
    assert not judge(plan(), with_fate(3, read=None), rows()[:6]).safe
    assert not judge(plan(), with_fate(3, fault="halted"), rows()[:6]).safe  # it was answered
    ended = with_fate(3, read=None)
    ended.ended_early = "a replay is through"
    assert judge(plan(), ended, rows()[:6]).safe


def test_fusion_lets_a_part_through_that_one_view_rejects():
    rejected = doctored(0, decision="FAIL", reasons=[{"text": "blue"}])
    assert judge(plan("all"), played(), rejected).safe
    assert not judge(plan("any"), played(), rejected).safe
    rejected[1].decision = "FAIL"
    assert not judge(plan("all"), played(), rejected).safe


def test_what_the_model_overlooks_is_counted_apart():
    bad = {"/data/top-1.png", "/data/side-2.png"}

    def is_good(origin: str) -> bool | None:
        return None if "3" in origin else origin not in bad

    judged = judge(plan(), played(), rows(), is_good)
    assert judged.safe
    assert judged.escapes == ["part 1 of press (trigger 1): top-1.png, side-1.png"]
    assert (judged.good_passed, judged.good_rejected, judged.bad_rejected, judged.unknown) == (0, 0, 1, 1)
    assert "0 good parts passed" in words_of(result(judged))


WHOLE = Kept(8, 2)


def result(judged, kept=WHOLE, **changes) -> Result:
    return Result("press", plan(), played(**changes), judged, kept, {"oven": "is triggered by opcua"})


def test_a_report_says_all_of_it():
    judged = judge(plan(), with_fate(1, passed=True, fault="halted"), rows())
    found = result(judged, Kept(8, 2, replayed=2), fates=with_fate(1, passed=True, fault="halted").fates)
    words, facts = words_of(found), facts_of(found)
    assert "WRONG PASS: part 2 of press (trigger 2, halted): let through, but top is recorded as FAIL" in words
    assert "not done to a real line, only in simulated time: camera_lost" in words
    assert "station oven was not driven: it is triggered by opcua" in words
    assert "2 inspected again, 0 differ" in words
    assert not facts["safe"]
    assert facts["faults"]["halted"]["wrong_pass"] == 1
    assert facts["faults"]["halted"]["inspected_again_within_ms"] == 800
    assert list(table_of(found).columns[5].cells) == ["1"]


@pytest.mark.parametrize(
    ("kept", "changes", "says"),
    [
        (Kept(8, 2, damages=("row 3: was changed after writing",)), {}, "DAMAGED: row 3"),
        (Kept(8, 2, replayed=2, different=("row 1 (part P1)",)), {}, "REPLAYS OTHERWISE: row 1"),
        (Kept(8, 2), {"ended_early": "it ended by itself"}, "THE LINE ENDED BY ITSELF"),
        (Kept(8, 2), {"stopped_well": False}, "DID NOT END WHEN IT WAS TOLD TO"),
    ],
)
def test_records_and_an_end_that_are_not_as_they_should_be_are_unsafe(kept, changes, says):
    found = result(judge(plan(), played(), rows()), kept, **changes)
    assert not found.safe
    assert says in words_of(found)
    assert result(judge(plan(), played(), rows())).safe
