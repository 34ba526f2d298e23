"""While a line runs, no thread of its process holds the others up for long; afterwards everything is as before."""

from __future__ import annotations

import sys

from line_rig import Memory, line_of, parts
from lineproof.core import Image, Inspection
from lineproof.line.switching import SWITCH_S


class Watcher(Memory):
    """Notes the switch interval of the interpreter while the line runs."""

    seen_s = 0.0

    def put(self, inspection: Inspection, image: Image | None) -> None:
        super().put(inspection, image)
        self.seen_s = sys.getswitchinterval()


def test_threads_hand_over_promptly_while_the_line_runs_and_as_before_afterwards():
    before_s = sys.getswitchinterval()
    watcher = Watcher()
    line, _ = line_of(parts("p1"), recorders=(watcher,))
    line.run()
    assert abs(watcher.seen_s - SWITCH_S) < 1e-6
    assert watcher.seen_s < before_s
    assert sys.getswitchinterval() == before_s
