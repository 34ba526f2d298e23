from __future__ import annotations

from builders import inspection
from lineproof.core import Decision
from lineproof.core.verdict import fault
from lineproof.line.truth import TruthTally


def put(tally: TruthTally, origin: str, *, faulty: bool = False) -> None:
    verdict = fault("deadline", "late") if faulty else None
    tally.put(inspection(verdict=verdict, origin=origin), None)


def test_decisions_are_counted_against_the_longest_known_path():
    tally = TruthTally({"a/1.png": True, "b/1.png": False, "b/2.png": False})
    put(tally, "/data/images/a/1.png")
    put(tally, "/data/images/b/1.png")
    put(tally, "/copy/2.png", faulty=True)  # the bare name is enough where it is unique
    put(tally, "/copy/1.png")  # and not where it is not
    put(tally, "")
    assert tally.counts == {(True, Decision.PASS): 1, (False, Decision.PASS): 1, (False, Decision.FAULT): 1}
    assert tally.unknown == 2
