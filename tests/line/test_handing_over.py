"""While a line runs, no thread of its process holds the others up for long; afterwards everything is as before."""

from __future__ import annotations

import gc
import sys

from line_rig import Memory, line_of, parts
from lineproof.core import Image, Inspection
from lineproof.line.switching import SWITCH_S


class Watcher(Memory):
    """Notes the interpreter's switch interval, and what its collector leaves alone, while the line runs."""

    seen_s = 0.0
    frozen = 0

    def put(self, inspection: Inspection, image: Image | None) -> None:
        super().put(inspection, image)
        self.seen_s = sys.getswitchinterval()
        self.frozen = gc.get_freeze_count()


def test_threads_hand_over_promptly_while_the_line_runs_and_as_before_afterwards():
    before_s = sys.getswitchinterval()
    watcher = Watcher()
    line, _ = line_of(parts("p1"), recorders=(watcher,))
    line.run()
    assert abs(watcher.seen_s - SWITCH_S) < 1e-6
    assert watcher.seen_s < before_s
    assert sys.getswitchinterval() == before_s


def test_no_collection_looks_at_what_was_there_before_the_line():
    """A full one stops every thread, the decision loop too."""
    everything = len(gc.get_objects())
    watcher = Watcher()
    line, _ = line_of(parts("p1"), recorders=(watcher,))
    line.run()
    assert watcher.frozen >= 0.9 * everything
    assert gc.get_freeze_count() == 0
