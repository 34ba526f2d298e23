"""One process that nothing happens to: most tests share it."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from builders import PROVENANCE
from line.engine_room.rooms import MASKED, OTHER, Rig, job, obedient, open_files, rig, two_recipes
from lineproof.core import Decision
from lineproof.core.budget import RestartBudget
from lineproof.errors import EngineError
from lineproof.line.engine_room import slots as slots_module
from lineproof.line.engine_room.events import Decides, Done, Dropped, Ready
from lineproof.line.engine_room.room import EngineRoom

SLOTS = 6


@pytest.fixture(scope="module")
def running():
    with rig(slots=SLOTS, wait=False) as made:
        assert not made.room.ready
        assert made.room.trouble == "the engine is being made ready"
        assert not made.room.submit(job())
        ready = made.next(Ready)
        assert ready == Ready({0: Decides(PROVENANCE, ("scratch",))})
        yield made
        assert made.room.restarts == 0


def done(running: Rig, *jobs) -> list[Done]:
    for each in jobs:
        assert running.room.submit(each)
    found = [running.next(Done) for _ in jobs]
    assert {id(event.job) for event in found} == {id(each) for each in jobs}
    return found


def test_it_says_that_it_is_ready(running):
    assert running.room.ready
    assert running.room.trouble == ""


def test_each_recipe_has_its_own_inspector():
    with rig(two_recipes, wait=False) as made:
        ready = made.next(Ready)
        assert ready.recipes == {1: Decides(PROVENANCE, ("scratch",)), 2: Decides(OTHER, ("dent",))}
        for recipe, found, name in ((1, 1, "demo"), (2, 0, "other"), (1, 1, "demo")):
            assert made.room.submit(replace(job(), recipe=recipe))
            inspection = made.next(Done).inspection
            assert (len(inspection.detections), inspection.provenance.bundle_name) == (found, name)


def test_no_collection_looks_at_what_was_there_before_the_first_frame(running):
    """A part would wait for it."""
    (event,) = done(running, job("collect"))
    assert event.inspection.decision is Decision.PASS


def test_an_inspection_is_that_of_the_frame(running):
    given = job(seq=5, view="left", origin="cam 7/231", reduction=2)
    (event,) = done(running, given)
    found = event.inspection
    frame = given.frame
    assert event.job is given
    assert found.decision is Decision.PASS
    assert (found.part_id, found.view, found.origin, found.source_id) == ("a-5", "left", "cam 7/231", "test")
    assert (found.grabbed_at, found.grabbed_ns, found.image_wh) == (frame.grabbed_at, frame.grabbed_ns, (128, 96))
    assert 0 < found.times_ms.wait < found.times_ms.total
    assert found.times_ms.total <= (running.at_ns - frame.grabbed_ns) / 1e6


@pytest.mark.parametrize("wh", [(64, 48), (7, 1), (640, 480), (33, 77), (1280, 960), (3, 5)])
def test_frames_of_several_sizes(running, wh):
    """The second is smaller, the third larger than the room was told."""
    for grey in (3, 200):
        given = job(wh=wh)
        given.frame.image[:] = 0
        given.frame.image[-1, -1, -1] = grey
        (event,) = done(running, given)
        assert event.inspection.detections.xyxy.tolist() == [[0, 0, grey, wh[1]]]


def test_a_mask_larger_than_the_pipe(running):
    (event,) = done(running, job("masks"))
    (mask,), (expected,) = event.inspection.detections.masks, MASKED.masks
    np.testing.assert_array_equal(mask.bitmap, expected.bitmap)


def test_stations_take_turns(running):
    """Four parts of one station wait when another comes: it is the next but one."""
    with running.busy():
        jobs = [*(job("", seq) for seq in (1, 2, 3, 4)), job("", 1, key=7)]
        assert all(running.room.submit(each) for each in jobs)
    order = [running.next(Done).job for _ in jobs]
    assert [(each.key, each.seq) for each in order] == [("a", 1), (7, 1), ("a", 2), ("a", 3), ("a", 4)]


def test_every_slot_is_in_use_and_free_again(running):
    jobs = [job("", seq) for seq in range(1, SLOTS)]
    with running.busy():
        assert all(running.room.submit(each) for each in jobs)
        assert not running.room.submit(job())  # and returns: the engine is held
    assert [running.next(Done).job for _ in jobs] == jobs
    done(running, *jobs)


def test_a_late_job_is_not_begun(running):
    late, good = job("abort", 2, due_ns=time.monotonic_ns()), job("", 3)
    with running.busy():
        assert running.room.submit(late)
        assert running.room.submit(good)
    assert running.next(Dropped).job is late
    assert running.next(Done).job is good


def test_an_abandoned_part_is_not_begun_in_any_view(running):
    left, right = job("abort", 2, view="left"), job("abort", 2, view="right")
    others = [job("", 2, key="b"), job("", 3)]
    with running.busy() as begun:
        assert all(running.room.submit(each) for each in (left, right, *others))
        running.room.abandon("a", 2)
        running.room.abandon("a", 77)  # nothing is known of it
        running.room.abandon(begun.key, begun.seq)  # too late: it is done all the same
    assert [running.next(Dropped).job for _ in range(2)] == [left, right]
    assert {running.next(Done).job for _ in others} == set(others)


def test_abandoning_the_only_job_that_waits(running):
    only = job("abort")
    with running.busy():
        assert running.room.submit(only)
        running.room.abandon("a", 1)
    assert running.next(Dropped).job is only
    done(running, job())


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("fail", "the run failed: odd"),
        ("bug", "ZeroDivisionError: division by zero"),
        ("write", "ValueError: assignment destination is read-only"),
    ],
)
def test_a_run_that_fails_is_a_fault_of_its_part(running, order, words):
    for _ in range(2):
        failed, good = done(running, job(order), job("", 2))
        assert failed.inspection.decision is Decision.FAULT
        assert failed.inspection.part_id == "a-1"
        (reason,) = failed.inspection.verdict.reasons
        assert (reason.rule, reason.text) == ("engine", words)
        assert good.inspection.decision is Decision.PASS


def test_no_memory_for_a_larger_frame_is_refused(running, monkeypatch, caplog):
    def full(fd, offset, size):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        assert not running.room.submit(job(wh=(2000, 1500)))
    assert "part a-1: no memory for its frame: [Errno 28] No space left on device" in caplog.text
    done(running, *(job("", seq) for seq in range(SLOTS)))  # no slot was lost


def test_closed_is_not_ready():
    with rig(start=False) as made:
        assert made.room.trouble == "the engine has not been started"
        assert not made.room.submit(job())
        made.room.abandon("a", 1)
        made.room.supervise()
    assert made.room.trouble == "the engine is closed"
    assert not made.room.submit(job())
    made.room.close()


def a_room(**changes) -> EngineRoom:
    facts = {"frame_bytes": 100, "slots": 2, "hung_ms": 100, "budget": RestartBudget(1, 1), "heard": print}
    return EngineRoom(**{"build": obedient, **facts, **changes})


@pytest.mark.parametrize("slots", [0, 65])
def test_slots_are_bounded(slots):
    with pytest.raises(ValueError, match=f"slots: expected 1 to 64, got {slots}"):
        a_room(slots=slots)


def test_no_memory_at_the_start_is_one_line(monkeypatch):
    taken = []

    class Scarce(slots_module.Slot):
        def __init__(self, frame_bytes):
            if len(taken) == 2:
                raise OSError(28, "No space left on device")
            super().__init__(frame_bytes)
            taken.append(self)

    monkeypatch.setattr(slots_module, "Slot", Scarce)
    files = open_files()
    with pytest.raises(EngineError, match=r"no memory for 3 frames of 3\.7 MB: .*No space left"):
        a_room(slots=3, frame_bytes=1280 * 960 * 3)
    assert open_files() == files


def test_a_builder_that_cannot_travel_is_told_at_once():
    with pytest.raises(AttributeError, match="local object"):
        a_room(build=lambda: None)
