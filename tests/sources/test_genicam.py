"""GenICam cameras on `viky.cti`, the virtual GenTL producer that comes with the genicam wheel."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import camera_grabs
from lineproof.errors import FrameError, SourceLost, SourceTimeout
from lineproof.sources.open import open_source
from lineproof.sources.settings import GenicamSettings

pytest.importorskip("harvesters", reason="needs the extra `genicam`")
import itertools

import genicam
from genicam import gentl

from lineproof.sources import genicam as adapter

CTI = Path(genicam.__file__).parent / "viky.cti"
open_genicam = adapter.open_genicam
FACTS = {
    "cti": (CTI,),
    "serial": "1",
    "width": 200,
    "height": 100,
    "name": "cam",
    "discard_frames": 1,
    "features": {"AcquisitionFrameRate": 100.0},
}


def settings(**changes: object) -> GenicamSettings:
    return GenicamSettings(kind="genicam", **FACTS | changes)


grab = partial(camera_grabs.grab, timeout_s=3.0)
grab_on = partial(camera_grabs.grab_on, timeout_s=3.0)


@pytest.fixture
def handles(monkeypatch):
    """Every handle that a source opens, the newest last."""
    seen = []
    monkeypatch.setattr(adapter, "open_genicam", lambda *facts: seen.append(open_genicam(*facts)) or seen[-1])
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


@pytest.mark.parametrize(("pixel_format", "channels"), [("Mono8", 1), ("RGBa8", 4)])
def test_pictures_come_counted_and_all_are_different(source, handles, pixel_format, channels):
    camera = source(pixel_format=pixel_format)
    frames = [grab(camera) for _ in range(8)]
    assert {frame.wh for frame in frames} == {(200, 100)}
    assert camera._contract._counter >= 9  # 8 parts and the picture of the opening; more where the machine was busy
    assert camera._contract._channels == channels
    assert not any(np.array_equal(one.image, two.image) for one, two in itertools.pairwise(frames))


@pytest.mark.parametrize(("serial", "bgr"), [("0", (0, 0, 255)), ("1", (0, 255, 0)), ("2", (255, 0, 0))])
def test_the_red_green_and_blue_camera_are_red_green_and_blue(source, serial, bgr):
    image = grab(source(serial=serial, pixel_format="RGBa8")).image
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    coloured = colours[(colours != colours[:, :1]).any(axis=1)]
    assert bgr in {tuple(colour) for colour in coloured.tolist()}, (colours, counts)


def test_an_incomplete_buffer_is_the_fault_of_one_part(source, monkeypatch):
    camera = source()
    grab(camera)
    whole = gentl.Buffer.is_complete
    torn = iter([False, False])
    monkeypatch.setattr(gentl.Buffer, "is_complete", lambda self: next(torn, True) and whole(self))
    found = []
    for _ in range(20):
        try:
            found.append(grab(camera))
        except FrameError as error:
            found.append(error)
    failed = [error for error in found if isinstance(error, FrameError)]
    assert len(failed) == 2
    assert str(failed[0]) == "camera Viky 1: incomplete buffer – check the network: packets were lost"
    assert len({part.part_id for part in found}) == 20
    assert not isinstance(found[-1], FrameError)


def test_a_camera_that_falls_silent_is_lost_and_opened_again(source, handles):
    camera = source(stall_s=0.4)
    for _ in range(5):  # the virtual camera begins again with its first picture
        grab(camera)
    handles[-1]._nodes.AcquisitionStop.execute()
    with pytest.raises(SourceLost, match=r"camera Viky 1: no picture for 0\.4 s"):
        grab_on(camera)
    assert grab(camera).wh == (200, 100)
    assert len(handles) == 2


def test_a_camera_that_answers_between_two_triggers_is_not_lost(handles, source):
    """The virtual camera has no trigger: it is stopped, and its handle told that pictures are not due."""
    camera = source(stall_s=0.3)
    handles[-1]._trigger = "hardware"
    grab(camera)
    handles[-1]._nodes.AcquisitionStop.execute()
    silent_since = time.monotonic()
    while time.monotonic() < silent_since + 1:
        try:
            camera.grab(0.1)
        except SourceTimeout:
            continue
    handles[-1]._nodes.AcquisitionStart.execute()
    assert grab(camera).wh == (200, 100)
    assert len(handles) == 1


def test_the_camera_is_leased_by_model_and_serial(source):
    camera = source()
    with pytest.raises(SourceLost):  # the producer itself is open once in a process
        source()
    grab(camera)
    camera.close()
    grab(source())


def test_producers_are_found_where_installers_leave_them(source, monkeypatch):
    monkeypatch.setenv("GENICAM_GENTL64_PATH", os.pathsep.join(["/nowhere", str(CTI.parent)]))
    assert grab(source(cti=())).wh == (200, 100)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"serial": "9"}, "camera 9: not there; found: Viky 0, Viky 1, Viky 2 – check power"),
        ({"serial": None}, "3 cameras match; found: Viky 0, Viky 1, Viky 2 – set source.serial"),
        ({"pixel_format": "Mono12"}, "camera Viky 1: PixelFormat = Mono12 refused (Feature 'PixelFormat'"),
        ({"width": 9}, "camera Viky 1: Width = 9 refused ("),
        ({"features": {"Gain": 3}}, "camera Viky 1: has no feature Gain – check source.features"),
        ({"trigger": "software"}, "camera Viky 1: has no feature TriggerMode"),
        ({"trigger": "hardware"}, "camera Viky 1: has no feature TriggerMode"),
        ({"cti": ()}, "no GenTL producer – install the camera maker's, then set source.cti or GENICAM_GENTL64_PATH"),
        ({"cti": ("/nowhere/x.cti",)}, "/nowhere/x.cti: no GenTL producer for this machine (no such file)"),
        ({"cti": (Path(__file__),)}, f"{__file__}: no GenTL producer for this machine ("),
    ],
)
def test_what_cannot_be_had_is_one_line(source, monkeypatch, changes, says):
    monkeypatch.delenv("GENICAM_GENTL64_PATH", raising=False)
    with pytest.raises(SourceLost) as caught:
        source(**changes)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert ".cpp" not in str(caught.value)
    assert grab(source(cti=(CTI,))).wh == (200, 100)  # and the camera is free again
