"""GigE Vision cameras on Aravis' own fake camera: real packets, lost packets, and a cable pulled by SIGKILL."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import camera_grabs
from lineproof.errors import FrameError, SourceLost, SourceTimeout
from lineproof.sources.open import open_source
from lineproof.sources.settings import AravisSettings

FAKE = shutil.which("arv-fake-gv-camera-0.8")
DEBIAN = Path("/usr/lib/python3/dist-packages")
if importlib.util.find_spec("gi") is None and (DEBIAN / "gi").is_dir():
    sys.path.append(str(DEBIAN))  # as in an environment made with --system-site-packages
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # PyGObject 3.42 imports in a way that Python 3.11 regrets
        from lineproof.sources import aravis as adapter
except (ImportError, ValueError):  # ValueError: PyGObject without Aravis
    adapter = None
pytestmark = pytest.mark.skipif(
    adapter is None or FAKE is None, reason="needs Debian's gir1.2-aravis-0.8, python3-gi and aravis-tools"
)


class FakeCamera:
    """A process that is a GigE Vision camera on the loopback."""

    def __init__(self, serial: str, lost_permille: int = 0) -> None:
        self.command = [FAKE, "-i", "127.0.0.1", "-s", serial, "-r", str(lost_permille)]
        self.plug_in()

    def plug_in(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2)

    def unplug(self) -> None:
        self.process.kill()
        self.process.wait(5)


grab = partial(camera_grabs.grab, timeout_s=5.0)
grab_on = partial(camera_grabs.grab_on, timeout_s=5.0)


@pytest.fixture
def camera():
    started = []

    def start(serial: str, lost_permille: int = 0) -> FakeCamera:
        started.append(FakeCamera(serial, lost_permille))
        return started[-1]

    yield start
    for one in started:
        one.unplug()


@pytest.fixture
def source():
    opened = []

    def start(serial: str, **changes: object):
        facts = {"width": 128, "height": 96, "name": "cam", "discard_frames": 1, "stall_s": 0.5} | changes
        opened.append(open_source(AravisSettings(kind="aravis", serial=serial, **facts)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_pictures_come_counted_stamped_and_all_are_different(camera, source):
    camera("T1")
    live = source("T1")
    frames = [grab(live) for _ in range(10)]
    assert {frame.wh for frame in frames} == {(128, 96)}
    assert live._contract._counter is not None
    assert not any(np.array_equal(one.image, two.image) for one, two in itertools.pairwise(frames))
    assert all(0 <= frame.grabbed_ns - frame.exposed_ns < 1_000_000_000 for frame in frames)
    assert all(frame.camera_ns is not None for frame in frames)


def test_lost_packets_are_the_fault_of_their_part_and_never_a_picture(camera, source):
    camera("T2", lost_permille=60)
    live = source("T2")
    found = []
    for _ in range(20):
        try:
            found.append(grab(live))
        except FrameError as error:
            found.append(error)
    failed = [error for error in found if isinstance(error, FrameError)]
    assert 0 < len(failed) < 20
    assert all(str(error).startswith("camera Fake T2: incomplete buffer (") for error in failed)


def test_a_camera_unplugged_is_lost_within_the_stall_and_comes_back(camera, source):
    fake = camera("T3")
    live = source("T3")
    for _ in range(3):
        grab(live)
    fake.unplug()
    since = time.monotonic()
    with pytest.raises(SourceLost, match=r"no picture for 0\.5 s"):
        grab_on(live)
    assert time.monotonic() - since < 1.5
    fake.plug_in()
    assert grab(live, timeout_s=10).wh == (128, 96)


def test_a_software_trigger_exposes_when_the_line_asks(camera, source):
    camera("T4")
    live = source("T4", trigger="software", stall_s=2)
    time.sleep(0.3)
    for _ in range(3):
        asked_ns = time.monotonic_ns()
        assert grab(live).grabbed_ns > asked_ns
    assert live._contract.gaps == 0


def test_a_camera_that_waits_for_its_trigger_may_be_silent_but_not_gone(camera, source):
    fake = camera("T5")
    live = source("T5", trigger="hardware", features={"TriggerSource": "Line0"}, stall_s=0.3)
    silent_since = time.monotonic()
    while time.monotonic() - silent_since < 1:
        with pytest.raises(SourceTimeout):
            live.grab(0.1)
    fake.unplug()
    since = time.monotonic()
    with pytest.raises(SourceLost, match=r"camera T5: no picture for 0\.\d s"):
        grab_on(live)
    assert time.monotonic() - since < 1  # Aravis asks five times, for 2.5 s: our own clock is first


def test_what_cannot_be_had_is_one_line(camera, source):
    camera("T6")
    for changes, says in (
        ({"features": {"Nope": 1}}, "camera Fake T6: has no feature Nope"),
        ({"pixel_format": "Mono99"}, "camera Fake T6: PixelFormat = Mono99 refused ("),
    ):
        with pytest.raises(SourceLost) as caught:
            source(**{"serial": "T6"} | changes)
        assert str(caught.value).startswith(says)
        assert "\n" not in str(caught.value)
