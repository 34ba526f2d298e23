"""Whatever the order of puts, writes and failures: every row is written, waiting or counted as lost."""

from __future__ import annotations

import numpy as np
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from builders import inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.records import backlog as module
from lineproof.records.backlog import BATCH_IMAGES, Backlog
from lineproof.records.cycle import Acknowledgement, Moment
from lineproof.records.images import StoredImage
from lineproof.records.settings import BacklogSettings

MB = 1_000_000
ROWS = 6


class BacklogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        module.GATHER_S = 0.0  # nobody else puts here, so nothing to wait for
        self.backlog = Backlog(BacklogSettings(rows=ROWS, images_mb=3))
        self.put = 0
        self.images = 0
        self.stored = 0
        self.batch: list[module.Pending] = []
        self.left: list[str] = []  # part ids in the order in which the writer got them

    @rule(decision=st.sampled_from(list(Decision)), megabytes=st.integers(0, 2))
    def put_one(self, decision: Decision, megabytes: int) -> None:
        verdict = Verdict(decision, () if decision is Decision.PASS else (Reason("r", "t"),))
        image = np.zeros((megabytes, 1000, 1000), np.uint8) if megabytes else None
        self.backlog.put(inspection(f"{self.put:06d}", verdict), image)
        self.put += 1
        self.images += image is not None

    @precondition(lambda self: not self.batch)
    @rule()
    def take(self) -> None:
        self.batch = self.backlog.take(0)
        self.left += [item.inspection.part_id for item in self.batch]
        assert sum(item.image is not None for item in self.batch) <= BATCH_IMAGES

    @precondition(lambda self: self.batch)
    @rule(fails=st.booleans(), refused=st.booleans())
    def write(self, fails: bool, refused: bool) -> None:
        if fails:
            self.backlog.failed("no", failing=True)
            return
        self.batch[0].refused = refused
        for item in self.batch:
            if item.image is not None and not item.refused:
                item.stored = StoredImage("a", "b", 1)
                self.stored += 1
        self.backlog.finish(self.batch)
        self.batch = []
        assert not self.backlog.health().failing

    @precondition(lambda self: self.batch)
    @rule()
    def give_up(self) -> None:
        self.backlog.abandon(self.batch)
        self.batch = []
        assert self.backlog.health().pending == 0

    @invariant()
    def every_row_is_accounted_for(self) -> None:
        health = self.backlog.health()
        assert health.written + health.dropped_rows + health.pending == self.put
        assert health.pending <= ROWS + module.BATCH_ROWS
        assert self.left == sorted(self.left)

    @invariant()
    def images_stay_in_their_budget(self) -> None:
        waiting = [item.image for item in (*self.backlog._rows, *self.batch) if item.image is not None]
        assert sum(image.nbytes for image in waiting) == self.backlog._image_bytes <= 3 * MB
        assert self.backlog.health().dropped_images + self.stored + len(waiting) == self.images


BacklogMachine.TestCase.settings = examples(max_examples=40, stateful_step_count=30, deadline=None)
TestBacklog = BacklogMachine.TestCase


def test_pass_images_leave_room_for_the_evidence_of_a_reject():
    backlog = Backlog(BacklogSettings(images_mb=3))
    image = np.zeros((1, 1000, 1000), np.uint8)
    for number in range(3):
        backlog.put(inspection(f"ok{number}"), image)
    assert backlog.health().dropped_images == 2
    backlog.put(inspection("bad", Verdict(Decision.FAIL, (Reason("r", "t"),))), image)
    assert backlog.health().dropped_images == 2


def test_a_receipt_waits_for_its_row():
    backlog = Backlog(BacklogSettings(rows=2))
    now = Moment.now()
    backlog.put(inspection("p1"), None)
    backlog.acknowledge(Acknowledgement(1, 1, now))
    assert backlog.receipts() == []
    batch = backlog.take(0)
    backlog.put(inspection("p2"), None)
    backlog.acknowledge(Acknowledgement(1, 2, now))
    assert [receipt.seq for receipt in backlog.receipts()] == [1]
    backlog.finish(batch)
    assert not backlog.wait_empty(0)
    backlog.finish(backlog.take(0))
    backlog.received(2, written=True)
    assert backlog.wait_empty(0)
    for seq in (3, 4, 5):
        backlog.acknowledge(Acknowledgement(1, seq, now))
    assert backlog.health().dropped_acknowledgements == 1
