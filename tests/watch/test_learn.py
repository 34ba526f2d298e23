from __future__ import annotations

import numpy as np
import pytest

from builders import image
from camera_scene import seen, surface
from lineproof.errors import GateError
from lineproof.watch.faulted import black, defocused, half_lit, white
from lineproof.watch.learn import learn
from lineproof.watch.measures import glimpse
from lineproof.watch.quality import QualityGate
from lineproof.watch.settings import QualitySettings
from lineproof.watch.spread import outliers, spread


@pytest.fixture(scope="module")
def good():
    return [glimpse(seen(number)) for number in range(24)]


@pytest.fixture(scope="module")
def learnt(good):
    return learn(good)


@pytest.fixture(scope="module")
def gate(learnt):
    return QualityGate(learnt.settings, learnt.template)


def test_good_frames_that_were_not_learnt_are_taken(gate):
    assert [gate.check(seen(number)) for number in range(100, 115)] == [None] * 15


def test_what_was_learnt_is_tried_on_the_faults_it_must_refuse(learnt):
    assert learnt.rejected == {}
    assert learnt.notes == ()
    assert {t.name: (t.refused, t.of) for t in learnt.tried if t.must} == {
        "black": (24, 24),
        "white": (24, 24),
        "half lit": (96, 96),
        "defocused by 4 px": (24, 24),
    }


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (black, "too dark: mean 0, learnt"),
        (white, "too bright: mean 255, learnt"),
        (lambda pixels: pixels // 3, "too dark: mean"),
        (half_lit("left", 0.5), "unevenly lit: the left half is 0."),
        (half_lit("bottom", 0.5), "unevenly lit: the upper half is "),
        (defocused(1), "out of focus: sharpness"),
        (defocused(4), "out of focus: sharpness"),
        (lambda pixels: pixels[:120, :160], "the picture is 160×120, commissioned at 320×240"),
    ],
)
def test_each_fault_is_one_sentence(gate, fault, says):
    said = gate.check(np.ascontiguousarray(fault(seen(200))))
    assert said is not None
    assert said.startswith(says)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"shift": (20, -12)}, "moved: 23 px from where it was, allowed"),
        ({"turn_deg": 4}, "moved: turned by 4"),
        ({"fixture": surface(5, (400, 320))}, "moved: another picture than learnt, match"),
    ],
)
def test_a_camera_that_moved_is_told(learnt, gate, changed, says):
    assert gate.check(seen(200, **changed)) is not None
    place_alone = QualitySettings(position=learnt.settings.position)
    assert QualityGate(place_alone, learnt.template).check(seen(200, **changed)).startswith(says)


def test_a_frame_unlike_the_others_is_set_aside_and_named(good):
    odd = [glimpse(seen(50, light=0.2)), glimpse(defocused(5)(seen(51)))]
    learnt = learn([*good, *odd])
    assert list(learnt.rejected) == [24, 25]
    assert "mean 0.2" in learnt.rejected[24]
    assert "sharpness" in learnt.rejected[25]
    assert QualityGate(learnt.settings, learnt.template).check(seen(50, light=0.2)) is not None


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (lambda: [image(320, 240, 90)] * 24, "nothing to see: 0 grey levels"),
        (lambda: [image(320, 240, 2)] * 24, "all dark: mean 2, nothing above 2 of 255"),
        (lambda: [image(320, 240, 255)] * 24, "all white: mean 255"),
        (lambda: [seen(n) for n in range(19)], "19 frames, 20 are needed"),
        (list, "0 frames, 20 are needed"),
        (lambda: [seen(n, light=1 if n % 3 else 0.2) for n in range(24)], "8 of 24 frames are unlike the others"),
        (lambda: [seen(n, shift=(5 * (n % 7), 0)) for n in range(24)], "the picture moves by up to"),
    ],
)
def test_bad_frames_are_refused_in_one_line(frames, says):
    with pytest.raises(GateError, match=says) as caught:
        learn([glimpse(pixels) for pixels in frames()])
    assert caught.value.hint
    assert caught.value.exit_code == 1


def test_where_nothing_stands_still_the_place_is_not_checked():
    frames = [np.repeat(surface(number)[:, :, None], 3, axis=2) for number in range(24)]
    learnt = learn([glimpse(pixels) for pixels in frames])
    assert learnt.settings.position is None
    assert learnt.template is None
    assert "where the camera looks is not checked: only " in learnt.notes[0]


def test_the_place_may_be_left_out(good):
    learnt = learn(good, position=False)
    assert learnt.settings.position is None
    assert learnt.notes == ("where the camera looks is not checked: not asked for",)


def test_a_gate_that_is_blind_to_a_fault_says_so():
    """Frames that are themselves lit anyhow cannot tell a lamp that is off."""
    sides = ("left", "right", "top", "bottom")
    frames = [glimpse(half_lit(sides[n % 4], 0.05 + 0.02 * n)(seen(n))) for n in range(24)]
    learnt = learn(frames, position=False)
    assert any(note.startswith("blind to half lit: ") for note in learnt.notes)


def test_pictures_of_different_size_are_learnt_without_a_place():
    frames = [glimpse(seen(n)[: 240 - n]) for n in range(24)]
    learnt = learn(frames)
    assert learnt.settings.image_wh is None
    assert learnt.notes == ("where the camera looks is not checked: the pictures differ in size",)


def test_limits_enclose_every_learnt_value_and_keep_the_floor():
    found = spread([10.0, 10.0, 10.0, 10.5, 9.8], 0.2)
    assert (found.middle, found.low, found.high) == pytest.approx((10, 9.65, 10.875))
    assert spread([3.0] * 9, 0.5).high == 3.5
    assert outliers([1.0, 1.1, 0.9, 1.0, 9.0], 0.1).tolist() == [False] * 4 + [True]
    assert not outliers([1.0] * 9 + [1.2], 0.1).any()
