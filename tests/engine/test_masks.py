from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.engine.letterbox import Fit
from lineproof.engine.masks import cut_masks


def sampled(logits: np.ndarray, fit: Fit) -> np.ndarray:
    """Logits at every pixel centre of the frame, in float64, the long way round."""
    axes = []
    for size, gain, offset, cells, span in (
        (fit.source_wh[1], fit.gain_xy[1], fit.top, logits.shape[0], fit.input_wh[1]),
        (fit.source_wh[0], fit.gain_xy[0], fit.left, logits.shape[1], fit.input_wh[0]),
    ):
        at = ((np.arange(size) + 0.5) * gain + offset) * cells / span - 0.5
        at = np.clip(at, 0, cells - 1)
        low = np.minimum(np.floor(at).astype(int), max(cells - 2, 0))
        axes.append((low, np.minimum(low + 1, cells - 1), at - low))
    (y0, y1, fy), (x0, x1, fx) = axes
    rows = logits[y0] * (1 - fy)[:, None] + logits[y1] * fy[:, None]
    return rows[:, x0] * (1 - fx) + rows[:, x1] * fx


@settings(deadline=None, max_examples=60)
@given(
    st.integers(3, 300),
    st.integers(3, 300),
    st.sampled_from([(64, 64), (96, 64), (32, 128)]),
    st.integers(0, 2**31),
)
def test_cropping_first_gives_the_full_frame_mask(width, height, input_wh, seed):
    rng = np.random.default_rng(seed)
    fit = Fit.between((width, height), input_wh)
    prototypes = rng.standard_normal((8, input_wh[1] // 4, input_wh[0] // 4)).astype(np.float32)
    coefficients = rng.standard_normal((3, 8)).astype(np.float32)
    corner = rng.uniform(0, 0.9, (3, 2)) * [width, height]
    size = rng.uniform(0.05, 1, (3, 2)) * ([width, height] - corner)
    xyxy = np.concatenate([corner, corner + size], 1).astype(np.float32)

    for mask, row, box in zip(cut_masks(prototypes, coefficients, xyxy, fit), coefficients, xyxy, strict=True):
        logits = sampled(np.tensordot(row.astype(np.float64), prototypes.astype(np.float64), 1), fit)
        x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
        inside = ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))[None, :]
        expected = inside & (logits > 0)
        if not expected.any():  # filled instead: see the test below
            continue
        unsure = np.abs(logits) < 1e-3 * np.abs(logits).max()  # a rounding error may tip these
        differs = (mask.full((width, height)) != expected) & ~unsure
        assert not differs.any()


def test_a_mask_without_a_pixel_is_filled_so_that_it_can_still_reject():
    fit = Fit.between((64, 64), (64, 64))
    prototypes = np.full((1, 16, 16), -1, np.float32)
    (mask,) = cut_masks(prototypes, np.ones((1, 1), np.float32), np.array([[10, 20, 14, 23]], np.float32), fit)
    assert mask.xyxy == (10, 20, 14, 23)
    assert mask.area_px == 12


def test_a_box_thinner_than_a_pixel_has_one_pixel():
    fit = Fit.between((64, 64), (64, 64))
    prototypes = np.full((1, 16, 16), 1, np.float32)
    box = np.array([[10.6, 63.9, 10.7, 64.0]], np.float32)
    (mask,) = cut_masks(prototypes, np.ones((1, 1), np.float32), box, fit)
    assert mask.xyxy == (10, 63, 11, 64)


def test_no_detection_no_mask():
    fit = Fit.between((64, 64), (64, 64))
    empty = np.zeros((0, 1), np.float32), np.zeros((0, 4), np.float32)
    assert cut_masks(np.zeros((1, 16, 16), np.float32), *empty, fit) == ()
