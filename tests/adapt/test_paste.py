from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt.paste import (
    FEATHER_PX,
    MAX_IOU,
    Target,
    cut_box,
    cut_mask,
    part_of,
    paste_defect,
    resized,
    turned,
)
from lineproof.core import BoxMask
from lineproof.core.boxes import box_iou

ORIENTATIONS = ["free", "left-right", "fixed"]


def surface(seed: int, width: int = 120, height: int = 90, grey: int = 120) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(grey, 5, (height, width, 1))
    return np.repeat(np.clip(noise, 0, 255), 3, axis=2).astype(np.uint8)


def blob(x: int, y: int, seed: int = 0, size: int = 18) -> BoxMask:
    """A ragged defect in one piece."""
    field = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (size, size)), (0, 0), 3)
    yy, xx = np.mgrid[:size, :size] - (size - 1) / 2
    shape = BoxMask.from_full((field / field.std() + 2.5 - (xx**2 + yy**2) * 9 / size**2) > 0)
    return shape.shift(x, y)


def donor(grey: int = 120, defect: int = 30) -> tuple[np.ndarray, BoxMask]:
    picture, mask = surface(1, grey=grey), blob(40, 30)
    picture[mask.full((120, 90))] = defect
    return picture, mask


def clean(picture: np.ndarray) -> Target:
    return Target(picture, np.zeros((0, 4), np.float32), np.zeros(picture.shape[:2], np.bool_))


@given(seed=st.integers(0, 10_000), orientation=st.sampled_from(ORIENTATIONS), boxes=st.booleans())
def test_a_pasted_defect_is_inside_exact_and_changes_nothing_else(seed, orientation, boxes):
    picture, mask = donor()
    patch = cut_box(picture, np.array(mask.xyxy, np.float32)) if boxes else cut_mask(picture, mask)
    target = surface(seed + 2)
    before = target.copy()
    pasted = paste_defect(patch, clean(target), orientation, np.random.default_rng(seed))
    assert pasted is not None
    assert np.array_equal(target, before)
    x0, y0, x1, y1 = pasted.mask.xyxy
    assert 0 <= x0 < x1 <= 120
    assert 0 <= y0 < y1 <= 90
    full = pasted.mask.full((120, 90))
    assert BoxMask.from_full(full).xyxy == tuple(pasted.xyxy.astype(int)) == (x0, y0, x1, y1)
    reach = 2 * round(FEATHER_PX * 1.25 + 2) + 1
    near = cv2.dilate(full.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    changed = (pasted.image != target).any(axis=2)
    assert changed.any()
    assert not (changed & ~near).any()


@given(seed=st.integers(0, 10_000))
def test_a_pasted_defect_keeps_off_those_that_are_there(seed):
    rng = np.random.default_rng(seed)
    target, there = surface(5), blob(20, 20, seed=3, size=30)
    taken = there.full((120, 90))
    boxes = np.array([there.xyxy], np.float32)
    pasted = paste_defect(cut_mask(*donor()), Target(target, boxes, taken), "free", rng)
    if pasted is not None:
        assert not (pasted.mask.full((120, 90)) & taken).any()
        assert float(box_iou(pasted.xyxy[None], boxes).max()) <= MAX_IOU
        assert np.array_equal(pasted.image[taken], target[taken])


@pytest.mark.parametrize("grey", [90, 120, 150])
def test_brightness_follows_the_new_surroundings(grey: int):
    patch = cut_mask(*donor(grey=120, defect=60))
    pasted = paste_defect(patch, clean(surface(9, grey=grey)), "fixed", np.random.default_rng(0))
    core = cv2.erode(pasted.mask.full((120, 90)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert float(pasted.image[core].mean()) == pytest.approx(grey - 60, abs=4)


def test_nothing_is_pasted_onto_another_kind_of_surface():
    patch = cut_mask(*donor(grey=120))
    rng = np.random.default_rng(0)
    assert paste_defect(patch, clean(surface(9, grey=190)), "free", rng) is None
    rough = np.random.default_rng(1).integers(60, 180, (90, 120, 3)).astype(np.uint8)
    assert paste_defect(patch, clean(rough), "free", rng) is None


def test_nothing_is_pasted_beside_the_part():
    patch, target = cut_mask(*donor()), surface(4)
    part = np.zeros((90, 120), np.bool_)
    part[:, :60] = True
    for seed in range(20):
        pasted = paste_defect(
            patch, Target(target, np.zeros((0, 4), np.float32), ~part & part, part), "free", np.random.default_rng(seed)
        )
        assert pasted is None or pasted.mask.xyxy[2] <= 60
    nowhere = Target(target, np.zeros((0, 4), np.float32), ~part & part, part & ~part)
    assert paste_defect(patch, nowhere, "free", np.random.default_rng(0)) is None


def test_a_defect_that_leaves_the_frame_or_has_no_surroundings_is_no_donor():
    picture, _ = donor()
    assert cut_mask(picture, blob(-1, 20)) is None
    assert cut_mask(picture, BoxMask(0, 0, np.ones((90, 120), np.bool_))) is None
    assert cut_box(picture, np.array([0, 0, 120, 90], np.float32)) is None
    assert cut_box(picture, np.array([5, 5, 5, 9], np.float32)) is None


def test_a_neighbour_of_the_donor_does_not_come_along():
    picture, mask = surface(1), BoxMask(40, 30, np.ones((10, 10), np.bool_))
    other = np.zeros((90, 120), np.bool_)
    other[:, 51:] = True  # a pixel to the right of the defect, inside its feather
    alone, beside = cut_mask(picture, mask), cut_mask(picture, mask, other)
    column = BoxMask.from_full(beside.mask).xyxy[2] + 1
    assert (alone.alpha[:, column] > 0).any()
    assert (beside.alpha[:, column:] == 0).all()
    assert not beside.ring[:, column:].any()
    assert np.array_equal(alone.alpha[:, :column], beside.alpha[:, :column])


def test_turns_follow_the_orientation_and_resample_nothing():
    patch = cut_mask(*donor())
    rng = np.random.default_rng(0)
    assert turned(patch, "fixed", rng) is patch
    mirrored = {turned(patch, "left-right", rng).mask.tobytes() for _ in range(40)}
    assert mirrored == {patch.mask.tobytes(), patch.mask[:, ::-1].tobytes()}
    assert len({turned(patch, "free", rng).mask.tobytes() for _ in range(200)}) == 8
    assert sorted(turned(patch, "free", rng).pixels.ravel()) == sorted(patch.pixels.ravel())
    twice = resized(patch, 2.0)
    assert twice.mask.shape == (patch.mask.shape[0] * 2, patch.mask.shape[1] * 2)
    assert not (twice.ring & (twice.alpha > 0)).any()


def test_the_part_is_told_from_a_plain_background_and_a_surface_is_all_part():
    picture = np.full((96, 128, 3), 12, np.uint8)
    picture[20:80, 30:100] = surface(0, 70, 60)
    part = part_of(picture)
    assert part[50, 60]
    assert not part[5, 5]
    assert not part[90, 120]
    assert 0.8 < part.sum() / (60 * 70) < 1.25
    assert part_of(surface(3)).all()
