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
from lineproof.sources.handle import Shot
from lineproof.sources.lease import Lease
from lineproof.sources.settings import CameraSettings, GenicamSettings

Step = np.ndarray | Shot | SourceLost | ImageError | str
QUIET = "the device answers, and no picture is due"


class FakeHandle:
    """Reads its steps one by one; at the end it hangs until it is released."""

    def __init__(self, steps: Iterable[Step], pause_s: float = 0.002) -> None:
        self.steps = iter(steps)
        self.pause_s = pause_s
        self.release = threading.Event()
        self.closed = threading.Event()
        self.exhausted = threading.Event()
        self.readers: set[int] = set()

    def read(self) -> Shot | None:
        self.readers.add(threading.get_ident())
        time.sleep(self.pause_s)
        step = next(self.steps, None)
        if step is None:
            self.exhausted.set()
            self.release.wait(20)
            raise SourceLost("released")
        if isinstance(step, Exception):
            raise step
        if step is QUIET:
            return None
        return step if isinstance(step, Shot) else Shot(step)

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
        settings = (
            GenicamSettings(kind="genicam", name="cam", **facts | changes)
            if "trigger" in changes
            else CameraSettings(kind="camera", index=0, name="cam", **facts | changes)
        )
        source = CaptureSource(rig.open, settings, "camera 0")
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


def test_another_picture_size_is_the_loss_of_its_handle(live):
    other = FakeHandle([*pictures(1), image(32, 24), *pictures(2)])
    source, rig = live(other, FakeHandle([image(32, 24)] * 2), FakeHandle(pictures(3)))
    found = collect(source, 3)
    assert greys(found) == [1, "SourceLost", 3]  # still of the other size when opened again: the same outage
    assert "camera 0: the picture is 32×24, expected 64×48" in str(found[1])
    assert rig.opened == 3


def test_a_camera_that_stays_at_another_size_is_lost_for_good(live):
    source, _ = live(FakeHandle(pictures(1)), width=640, restarts=0)
    assert greys(collect(source, 2)) == ["SourceLost", "SourceLost"]


def test_a_frozen_picture_is_nobodys_part(live):
    source, rig = live(FakeHandle(pictures(1, 1, 1, 2)))
    found = collect(source, 4)
    assert greys(found) == [1, "FrameError", "FrameError", 2]
    assert str(found[1]).startswith("camera 0: frozen: 2 equal pictures in a row")
    assert len({error.part_id for error in found}) == 4
    assert rig.opened == 1


def test_pictures_that_the_camera_counted_and_nobody_saw_are_gaps(live):
    source, _ = live(FakeHandle(Shot(image(grey=count), counter=count) for count in (5, 6, 9)))
    collect(source, 3)
    assert source.gaps == 2


def test_a_camera_that_comes_back_with_the_picture_it_left_with_is_frozen(live):
    source, _ = live(FakeHandle([*pictures(1), SourceLost("cable")]), FakeHandle(pictures(1, 2)))
    assert greys(collect(source, 4)) == [1, "SourceLost", "FrameError", 2]


def test_between_two_hardware_triggers_a_camera_that_answers_is_not_stalled(live):
    source, rig = live(FakeHandle([*pictures(1), *[QUIET] * 60, *pictures(2)], 0.02), trigger="hardware", stall_s=0.4)
    assert greys(collect(source, 2)) == [1, 2]  # 1.2 s apart; and the first picture is a part, nothing is discarded
    assert rig.opened == 1


def test_a_software_triggered_camera_is_read_only_when_the_line_asks(live):
    handle = FakeHandle(pictures(*range(1, 10)))
    source, _ = live(handle, trigger="software", discard_frames=2, stall_s=0.4)  # opening and one more are thrown away
    time.sleep(0.6)  # longer than a stall: nobody asked
    assert next(handle.steps)[0, 0, 0] == 2
    asked_ns = time.monotonic_ns()
    frame = source.grab(1)
    assert frame.image[0, 0, 0] == 3
    assert frame.grabbed_ns > asked_ns


def test_a_trigger_is_not_repeated_while_its_picture_is_on_its_way(live):
    handle = FakeHandle(pictures(1, 2, 3), pause_s=0.15)
    source, _ = live(handle, trigger="software")
    with pytest.raises(SourceTimeout):
        source.grab(0.02)
    with pytest.raises(SourceTimeout):
        source.grab(0.02)
    assert source.grab(2).image[0, 0, 0] == 1
    time.sleep(0.3)
    assert next(handle.steps)[0, 0, 0] == 2


def test_the_stamp_of_the_camera_dates_the_exposure(live):
    hour_ns = 3_600 * 10**9
    source, _ = live(FakeHandle(Shot(*pictures(grey), stamp_ns=hour_ns + grey) for grey in (1, 2)))
    first, second = collect(source, 2)
    assert first.exposed_ns == first.grabbed_ns
    # It came two milliseconds later than a nanosecond after the first: it had waited.
    assert second.exposed_ns == pytest.approx(first.exposed_ns + 1, abs=100_000)
    assert second.exposed_ns < second.grabbed_ns
    source, _ = live(FakeHandle(pictures(1)))
    assert collect(source, 1)[0].camera_ns is None


def test_the_lease_goes_with_the_source_and_stays_with_a_thread_that_hangs(tmp_path):
    def opened(handle: FakeHandle, lease: Lease) -> CaptureSource:
        def claim() -> FakeHandle:
            lease.claim("cam")
            return handle

        settings = CameraSettings(kind="camera", index=0, discard_frames=1)
        return CaptureSource(claim, settings, "camera 0", lease).start()

    first = opened(FakeHandle(itertools.cycle(pictures(1))), Lease("first", tmp_path))
    with pytest.raises(SourceLost, match="held by process"):
        opened(FakeHandle([]), Lease("second", tmp_path))
    first.close()
    hung = FakeHandle([])
    second = opened(hung, Lease("second", tmp_path))
    assert hung.exhausted.wait(5)
    second.close()
    with pytest.raises(SourceLost, match=r"held by process .*\(second\)"):
        Lease("third", tmp_path).claim("cam")
    hung.release.set()
    assert hung.closed.wait(5)
    second.close()
    Lease("third", tmp_path).claim("cam")


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
