from __future__ import annotations

import io

import pytest
from rich.console import Console

from builders import inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.errors import SignalError
from lineproof.signals.console import ConsoleSignal


def printed(*, quiet: bool = False, **facts: object) -> str:
    out = io.StringIO()
    signal = ConsoleSignal(Console(file=out, width=40), quiet=quiet)
    signal.send(inspection(**facts))
    signal.heartbeat()
    signal.close()
    return out.getvalue()


def test_one_line_names_decision_part_and_reasons():
    verdict = Verdict(Decision.FAIL, (Reason("scratch.score", "score 0.9"), Reason("dent.score", "score 0.8")))
    text = printed(part_id="p[7]", verdict=verdict)
    assert text.count("\n") == 1
    for word in ("FAIL", "p[7]", "scratch.score: score 0.9; dent.score: score 0.8"):
        assert word in text


def test_a_pass_needs_no_reason():
    assert printed().rstrip().endswith("ms")


def test_quiet_says_nothing():
    assert printed(quiet=True) == ""


def test_a_closed_terminal_is_a_failed_send():
    out = io.StringIO()
    signal = ConsoleSignal(Console(file=out))
    out.close()
    with pytest.raises(SignalError, match="console"):
        signal.send(inspection())
