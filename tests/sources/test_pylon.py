"""Basler cameras on pylon's own emulator: real buffers, real failures, no hardware."""

from __future__ import annotations

import os
import time
from functools import partial

import cv2
import numpy as np
import pytest

import camera_grabs
from lineproof.errors import FrameError, SourceLost, SourceTimeout
from lineproof.sources.open import open_source
from lineproof.sources.settings import BaslerSettings

os.environ["PYLON_CAMEMU"] = "2"  # before pylon is loaded
pylon = pytest.importorskip("pypylon.pylon", reason="needs the extra `basler`")
from lineproof.sources import pylon as adapter  # noqa: E402

open_basler = adapter.open_basler

# The emulator times its frames by SIGALRM, which pytest-timeout takes for its own.
pytestmark = pytest.mark.timeout(120, method="thread")

SERIAL = "0815-0000"
FACTS = {"serial": SERIAL, "width": 64, "height": 48, "pixel_format": "BGR8Packed", "name": "cam", "discard_frames": 1}


def settings(**changes: object) -> BaslerSettings:
    return BaslerSettings(kind="basler", **FACTS | changes)


grab = partial(camera_grabs.grab, timeout_s=2.0)
grab_on = partial(camera_grabs.grab_on, timeout_s=2.0)


@pytest.fixture
def handle():
    opened = []

    def start(**changes: object):
        opened.append(open_basler(settings(**changes), lambda _: None))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def handles(monkeypatch):
    """Every handle that a source opens, the newest last."""
    seen = []
    monkeypatch.setattr(adapter, "open_basler", lambda *facts: seen.append(open_basler(*facts)) or seen[-1])
    return seen


@pytest.fixture
def source(handles):
    opened = []

    def start(**changes: object):
        opened.append(open_source(settings(**changes)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_pictures_come_counted_and_all_are_different(source):
    camera = source()
    frames = [grab(camera) for _ in range(5)]
    assert {frame.wh for frame in frames} == {(64, 48)}
    assert len({frame.part_id for frame in frames}) == 5
    assert camera._contract._counter >= 5
    assert all(frame.exposed_ns == frame.grabbed_ns for frame in frames)  # the emulator stamps nothing


@pytest.mark.parametrize(
    ("pixel_format", "channels"),
    [("Mono8", 1), ("BayerRG8", 1), ("RGB8Packed", 3), ("BGR8Packed", 3), ("BGRA8Packed", 4)],
)
def test_every_8_bit_format_becomes_bgr(handle, pixel_format, channels):
    shot = handle(pixel_format=pixel_format, features={"TestImageSelector": "Testimage1"}).read()
    assert (shot.image.shape, shot.image.dtype, shot.channels) == ((48, 64, 3), np.uint8, channels)


def test_red_is_red_in_every_colour_format(handle, tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((48, 64, 3), (10, 60, 200), np.uint8))
    image_file = {"TestImageSelector": "Off", "ImageFilename": str(tmp_path / "red.png"), "ImageFileMode": "On"}
    for pixel_format in ("BGR8Packed", "RGB8Packed", "BGRA8Packed"):
        camera = handle(pixel_format=pixel_format, features=image_file)
        assert camera.read().image[24, 32].tolist() == [10, 60, 200], pixel_format
        camera.close()


def test_deeper_pixels_are_refused_at_the_start(source):
    with pytest.raises(SourceLost, match=r"^camera Emulation 0815-0000: pixel format 0x01100005 is not supported"):
        source(pixel_format="Mono12")


def test_a_failed_buffer_is_the_fault_of_one_part_and_never_a_picture(source, handles):
    camera = source(features={"ForceFailedBufferCount": 3}, open_timeout_s=10)
    grab(camera)
    handles[-1]._camera.GetNodeMap().GetNode("ForceFailedBuffer").Execute()
    found = []
    for _ in range(40):
        try:
            found.append(grab(camera))
        except FrameError as error:
            found.append(error)
    failed = [error for error in found if isinstance(error, FrameError)]
    assert len(failed) == 3
    assert all("The buffer was incompletely grabbed – check the network" in str(error) for error in failed)
    assert len({error.part_id for error in found}) == 40
    assert not isinstance(found[-1], FrameError)


def test_a_frozen_picture_is_seen_at_its_second_coming(source, tmp_path):
    cv2.imwrite(str(tmp_path / "still.png"), np.full((48, 64, 3), 90, np.uint8))
    image_file = {"TestImageSelector": "Off", "ImageFilename": str(tmp_path / "still.png"), "ImageFileMode": "On"}
    camera = source(features=image_file)
    assert grab(camera).wh == (64, 48)
    for _ in range(3):
        with pytest.raises(FrameError, match="camera 0815-0000: frozen"):
            grab(camera)


def test_a_software_trigger_exposes_when_the_line_asks(source):
    camera = source(trigger="software", discard_frames=2)
    time.sleep(0.3)
    for number in range(2, 6):  # two were thrown away; nothing was exposed while nobody asked
        asked_ns = time.monotonic_ns()
        assert grab(camera).grabbed_ns > asked_ns
        assert camera._contract._counter == number


def test_a_hardware_triggered_camera_may_be_silent_for_long_but_not_gone(source, handles):
    camera = source(trigger="hardware", features={"TriggerSource": "Line1"}, stall_s=0.2)
    for _ in range(4):
        with pytest.raises(SourceTimeout):
            camera.grab(0.2)
    handles[-1]._camera.DestroyDevice()
    with pytest.raises(SourceLost):
        grab_on(camera)


def test_a_free_running_camera_that_falls_silent_is_lost_and_opened_again(source, handles):
    camera = source(stall_s=0.3)
    for _ in range(5):  # the emulator begins again with its first picture
        grab(camera)
    handles[-1]._camera.GetNodeMap().GetNode("AcquisitionStop").Execute()
    with pytest.raises(SourceLost, match=r"camera Emulation 0815-0000: no picture for 0\.3 s"):
        grab_on(camera)
    assert grab(camera).wh == (64, 48)


def test_the_first_picture_after_reconnecting_is_bit_for_bit_the_one_before(source, handles, tmp_path):
    """The same colours and the same size: a fresh handle goes through the same set-up."""
    scene = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "scene.png"), scene)
    image_file = {"TestImageSelector": "Off", "ImageFilename": str(tmp_path / "scene.png"), "ImageFileMode": "On"}
    camera = source(features=image_file, frozen_after=None, pixel_format="RGB8Packed", stall_s=0.5)
    before = grab(camera).image
    handles[-1]._camera.DestroyDevice()
    with pytest.raises(SourceLost):
        grab_on(camera)
    assert np.array_equal(grab(camera).image, before)
    assert len(handles) == 2


def test_a_device_taken_away_is_lost_and_opened_again(source, handles):
    """What the emulator has instead of a cable."""
    camera = source(stall_s=0.5)
    for _ in range(5):  # the emulator begins again with its first picture
        grab(camera)
    handles[-1]._camera.DestroyDevice()
    with pytest.raises(SourceLost):
        grab_on(camera)
    assert grab(camera).wh == (64, 48)


def test_two_sources_of_one_camera_are_refused_though_pylon_would_let_them(source):
    grab(source())
    with pytest.raises(SourceLost, match=rf"camera Emulation {SERIAL} is held by process {os.getpid()} \(cam\)"):
        source()
    grab(source(serial="0815-0001"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"serial": "4711"}, "camera 4711: not there; found: Emulation 0815-0000, Emulation 0815-0001"),
        ({"serial": None}, "2 cameras match"),
        ({"features": {"Exposure": 1}}, "camera Emulation 0815-0000: has no feature Exposure"),
        (
            {"features": {"GainAuto": "Sometimes"}},
            "camera Emulation 0815-0000: GainAuto = Sometimes refused (Feature 'G",
        ),
        ({"width": 63_000}, "camera Emulation 0815-0000: Width = 63000 refused ("),
    ],
)
def test_what_cannot_be_had_is_one_line(source, changes, says):
    with pytest.raises(SourceLost) as caught:
        source(**changes)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert ".cpp" not in str(caught.value)


def test_a_refusal_leaves_the_camera_free(handle):
    with pytest.raises(SourceLost):
        handle(pixel_format="Mono12")
    assert handle().read().image.shape == (48, 64, 3)
