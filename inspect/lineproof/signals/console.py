"""One coloured line per decision: the signal while nothing is wired yet."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lineproof.core import Decision, Inspection
from lineproof.errors import SignalError

SHOWN = 2  # reasons in a line; the record has all of them
COLOURS = {Decision.PASS: "green", Decision.FAIL: "red", Decision.REVIEW: "yellow", Decision.FAULT: "magenta"}


class ConsoleSignal:
    """Prints what a PLC would be told; `quiet` says nothing, for when a table shows the same."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet

    def send(self, inspection: Inspection) -> None:
        """Print one line; raises SignalError when the terminal or pipe is gone."""
        if self._quiet:
            return
        try:
            self._console.print(line_of(inspection), soft_wrap=True)
        except (OSError, ValueError) as error:  # ValueError: written to after it was closed
            raise SignalError(f"console: {error}") from None

    def heartbeat(self) -> None:
        """A terminal needs none."""

    def close(self) -> None:
        """The console belongs to the caller."""


def line_of(inspection: Inspection) -> Text:
    """Time, decision, part, age and reasons, e.g. `08:15:02.120 FAIL   part-7    23 ms  scratch.score: …`."""
    at = inspection.grabbed_at.strftime("%H:%M:%S.%f")[:-3]
    text = Text(f"{at} ").append(f"{inspection.decision:<7}", f"bold {COLOURS[inspection.decision]}")
    text.append(f"{inspection.part_id:<24}{inspection.times_ms.total:>7.1f} ms")
    reasons = inspection.verdict.reasons
    why = "; ".join(f"{reason.rule}: {reason.text}" for reason in reasons[:SHOWN])
    more = f" (+{len(reasons) - SHOWN})" if len(reasons) > SHOWN else ""
    return text.append(f"  {why}{more}", "dim") if why else text
