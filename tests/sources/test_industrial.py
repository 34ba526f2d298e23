from __future__ import annotations

import pytest

from lineproof.errors import SourceLost
from lineproof.sources.industrial import Seen, Wish, choose, wishes
from lineproof.sources.settings import BaslerSettings

SEEN = (Seen("acA1920-40gm", "11"), Seen("acA1920-40gm", "12"), Seen("a2A2448-75uc", "13"))


def basler(**changes: object) -> BaslerSettings:
    return BaslerSettings(kind="basler", **changes)


@pytest.mark.parametrize(
    ("changes", "index"),
    [
        ({"serial": "12"}, 1),
        ({"model": "a2A2448-75uc"}, 2),
        ({"model": "acA1920-40gm", "index": 1}, 1),
        ({"index": 2}, 2),
        ({"model": "acA1920-40gm", "serial": "11"}, 0),
    ],
)
def test_a_camera_is_chosen_by_serial_model_or_index(changes, index):
    assert choose(SEEN, basler(**changes)) == index


def test_the_only_camera_needs_no_name():
    assert choose(SEEN[:1], basler()) == 0


@pytest.mark.parametrize(
    ("seen", "changes", "says"),
    [
        (SEEN, {}, "3 cameras match; found: acA1920-40gm 11, acA1920-40gm 12, a2A2448-75uc 13 – set source.serial"),
        (SEEN, {"model": "acA1920-40gm"}, "2 cameras match"),
        (SEEN, {"serial": "99"}, "camera 99: not there; found: acA1920-40gm 11"),
        (SEEN, {"model": "acA1920-40gm", "serial": "13"}, "camera acA1920-40gm 13: not there"),
        (SEEN, {"model": "acA1920-40gm", "index": 2}, "camera acA1920-40gm #2: not there"),
        ((), {}, "camera: not there; found: none – check power, cable"),
    ],
)
def test_a_camera_that_cannot_be_told_is_one_line_with_those_that_are_there(seen, changes, says):
    with pytest.raises(SourceLost) as caught:
        choose(seen, basler(**changes))
    assert str(caught.value).startswith(says)


def told(**changes: object) -> dict[str, str]:
    return {wish.name: wish.value for wish in wishes(basler(**changes))}


def test_a_free_running_camera_is_told_to_run_freely():
    asked = list(wishes(basler()))
    assert [wish.name for wish in asked] == ["AcquisitionMode", "TriggerSelector", "TriggerMode"]
    assert told()["TriggerMode"] == "Off"
    assert not any(wish.must for wish in asked)  # a camera without a trigger is free already


def test_a_trigger_must_be_there():
    assert told(trigger="software") == {
        "AcquisitionMode": "Continuous",
        "TriggerSelector": "FrameStart",
        "TriggerMode": "On",
        "TriggerSource": "Software",
    }
    hardware = {wish.name: wish for wish in wishes(basler(trigger="hardware", features={"TriggerSource": "Line1"}))}
    assert hardware["TriggerMode"].must
    assert hardware["TriggerSource"].value == "Line1"


def test_features_come_last_and_in_their_order_as_genicam_spells_them():
    features = {"ExposureTime": 812.5, "GainAuto": "Off", "ReverseX": True, "OffsetX": 16}
    asked = list(wishes(basler(pixel_format="Mono8", width=640, height=480, features=features)))
    assert [wish.name for wish in asked][:3] == ["PixelFormat", "Width", "Height"]
    assert [(wish.name, wish.value) for wish in asked][-4:] == [
        ("ExposureTime", "812.5"),
        ("GainAuto", "Off"),
        ("ReverseX", True),
        ("OffsetX", "16"),
    ]
    assert all(wish.must for wish in asked[-4:])


@pytest.mark.parametrize(
    ("value", "now", "spelled"),
    [
        (False, "Continuous", "Off"),  # GainAuto: Off, as YAML reads it
        (True, "Off", "On"),
        (True, "false", "true"),
        (False, "1", "false"),
        ("Off", "Continuous", "Off"),
        ("812.5", "10000", "812.5"),
    ],
)
def test_a_yes_or_no_is_spelled_as_the_feature_does(value, now, spelled):
    assert Wish("Feature", value).spelled(now) == spelled


def test_a_hardware_trigger_loses_no_part_to_warming_up():
    assert basler(discard_frames=5).discarded == 5
    assert basler(discard_frames=5, trigger="hardware").discarded == 0
    assert [basler(trigger=trigger).on_demand for trigger in ("free", "software", "hardware")] == [False, True, False]
