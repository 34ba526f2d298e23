"""The live source against handles that stall, die, come back and hang; no clock is waited for longer than needed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from builders import image
from lineproof.core import Frame
from lineproof.errors import FrameError, ImageError, SourceError, SourceLost, SourceTimeout
from lineproof.sources.capture import CaptureSource
from lineproof.sources.settings import CameraSettings

Step = np.ndarray | SourceLost | ImageError


class FakeHandle:
    """Reads its steps one by one; at the end it hangs until it is released."""

    def __init__(self, steps: Iterable[Step], pause_s: float = 0.002) -> None:
        self.steps = iter(steps)
        self.pause_s = pause_s
        self.release = threading.Event()
        self.closed = threading.Event()
        self.exhausted = threading.Event()
        self.readers: set[int] = set()

    def read(self) -> np.ndarray:
        self.readers.add(threading.get_ident())
        time.sleep(self.pause_s)
        step = next(self.steps, None)
        if step is None:
            self.exhausted.set()
            self.release.wait(20)
            raise SourceLost("released")
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        self.readers.add(threading.get_ident())
        self.closed.set()


class Rig:
    """Hands out one handle per opening; a SourceLost in its place is a failed opening, None one that hangs."""

    def __init__(self, *handles: FakeHandle | SourceLost | None) -> None:
        self.handles = list(handles)
        self.opened = 0
        self.release = threading.Event()

    def open(self) -> FakeHandle:
        handle = self.handles[min(self.opened, len(self.handles) - 1)]
        self.opened += 1
        if handle is None:
            self.release.wait(20)
            raise SourceLost("released")
        if isinstance(handle, SourceLost):
            raise handle
        return handle

    def end(self) -> None:
        self.release.set()
        for handle in self.handles:
            if isinstance(handle, FakeHandle):
                handle.release.set()


@pytest.fixture
def live():
    ended: list[Callable[[], None]] = []

    def start(*handles: FakeHandle | SourceLost | None, **changes: object) -> tuple[CaptureSource, Rig]:
        rig = Rig(*handles)
        facts = {"stall_s": 10, "open_timeout_s": 10, "backoff_s": 0.01, "backoff_max_s": 0.02, "discard_frames": 1}
        source = CaptureSource(
            rig.open, CameraSettings(kind="camera", index=0, name="cam", **facts | changes), "camera 0"
        )
        ended.extend((rig.end, source.close))
        return source.start(), rig

    yield start
    for end in ended:
        end()


def pictures(*greys: int) -> list[np.ndarray]:
    return [image(grey=grey) for grey in greys]


def collect(source: CaptureSource, wanted: int, tries: int = 200) -> list[Frame | SourceError]:
    """What grabbing brings, timeouts left out, until `wanted` things have come."""
    found: list[Frame | SourceError] = []
    for _ in range(tries):
        try:
            found.append(source.grab(0.05))
        except SourceTimeout:
            continue
        except SourceError as error:
            found.append(error)
        if len(found) == wanted:
            return found
    raise AssertionError(f"only {found}")


def greys(found: Iterable[Frame | SourceError]) -> list[int | str]:
    return [int(f.image[0, 0, 0]) if isinstance(f, Frame) else type(f).__name__ for f in found]


def test_frames_come_in_order_with_their_own_part_ids(live):
    source, _ = live(FakeHandle(pictures(1, 2, 3)))
    frames = collect(source, 3)
    assert greys(frames) == [1, 2, 3]
    assert len({frame.part_id for frame in frames}) == 3
    assert all(frame.part_id.startswith("cam-") for frame in frames)
    assert frames[0].grabbed_ns < frames[1].grabbed_ns < frames[2].grabbed_ns


def test_a_stall_is_noticed_by_our_own_clock_and_a_fresh_handle_is_opened(live):
    hung = FakeHandle(pictures(1))
    source, rig = live(hung, FakeHandle(pictures(2)), stall_s=0.4)
    assert greys(collect(source, 3)) == [1, "SourceLost", 2]
    assert rig.opened == 2
    assert not hung.closed.is_set()  # its thread is still in the driver: nobody else may touch the handle


def test_a_handle_left_behind_is_closed_by_its_own_thread_and_its_late_picture_thrown_away(live):
    hung = FakeHandle([])
    hung.steps = itertools.chain(pictures(1), (step for step in [hung.release.wait] if step(20) and False))
    source, _ = live(hung, FakeHandle(pictures(2, 3)), stall_s=0.4)
    assert greys(collect(source, 3)) == [1, "SourceLost", 2]
    hung.steps = iter(pictures(99))
    hung.release.set()
    assert hung.closed.wait(5)
    assert len(hung.readers) == 1
    assert greys(collect(source, 1)) == [3]


def test_a_handle_that_dies_is_reported_once_and_replaced(live):
    source, rig = live(FakeHandle([*pictures(1), SourceLost("cable")]), SourceLost("no"), FakeHandle(pictures(2)))
    found = collect(source, 3)
    assert greys(found) == [1, "SourceLost", 2]  # the failed opening in between is part of the same outage
    assert "cable" in str(found[1])
    assert rig.opened == 3


def test_an_opening_that_hangs_is_given_up(live):
    source, _ = live(FakeHandle([*pictures(1), SourceLost("cable")]), None, FakeHandle(pictures(2)), open_timeout_s=0.4)
    assert greys(collect(source, 3)) == [1, "SourceLost", 2]


def test_when_the_budget_is_spent_the_source_stays_lost(live):
    source, rig = live(FakeHandle([*pictures(1), SourceLost("cable")]), SourceLost("no"), restarts=2)
    found = collect(source, 5)
    assert greys(found) == [1, *["SourceLost"] * 4]
    assert "given up after 2 restarts in 300 s" in str(found[-1])
    assert rig.opened == 3
    time.sleep(0.1)
    collect(source, 1)
    assert rig.opened == 3


def test_the_first_pictures_of_every_handle_are_thrown_away(live):
    first, second = FakeHandle([*pictures(1, 2, 3, 4), SourceLost("cable")]), FakeHandle(pictures(5, 6, 7, 8))
    source, _ = live(first, second, discard_frames=3)  # opening reads one of the three; the fake has none to read
    assert greys(collect(source, 5)) == [3, 4, "SourceLost", 7, 8]


def test_a_damaged_picture_is_a_part_without_a_frame(live):
    source, rig = live(FakeHandle([*pictures(1), ImageError("torn"), *pictures(3)]))
    first, torn, third = collect(source, 3)
    assert isinstance(torn, FrameError)
    assert torn.part_id not in (first.part_id, third.part_id)
    assert rig.opened == 1


def test_another_picture_size_is_refused(live):
    source, _ = live(FakeHandle([*pictures(1), image(32, 24), *pictures(3)]))
    found = collect(source, 3)
    assert greys(found) == [1, "FrameError", 3]
    assert "32×24, it was 64×48" in str(found[1])


def test_pictures_nobody_takes_are_dropped_by_name(live):
    handle = FakeHandle(pictures(*range(1, 41)), pause_s=0)
    source, _ = live(handle)
    assert handle.exhausted.wait(5)
    found = collect(source, 40)
    assert greys(found) == [*range(1, 33), *["FrameError"] * 8]
    assert "dropped" in str(found[-1])


@pytest.mark.parametrize("first", [SourceLost("camera 0: busy"), None])
def test_a_camera_that_does_not_open_at_start_is_one_line(live, first):
    with pytest.raises(SourceLost, match=r"^camera 0: (busy|no picture within 0\.4 s)"):
        live(first, open_timeout_s=0.4)


def test_a_closed_source_stops_reading(live):
    handle = FakeHandle(itertools.cycle(pictures(1)))
    source, _ = live(handle)
    source.close()
    assert handle.closed.is_set()
    source.close()
