"""The truth of a defect: the pixels it visibly altered, compared with the same shot of the clean part."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from lineproof.data.synth.raster import F32, Mask, f32

# A pixel belongs to a defect when it differs from the clean part by this many grey levels (of 255), or by this
# share of the defect's strongest change, whichever is more: faint halos around strong defects are left out.
MIN_CHANGE: Final = 6.0
SHARE_OF_PEAK: Final = 0.16
# A defect is drawn only if a person could find it: the limits below, in the dimmest and most blurred shot allowed.
MIN_MEAN_CHANGE: Final = 10.0
MIN_AREA_PX: Final = 12
# Contrast over the texture's own deviation, and Rose's criterion (contrast/deviation * sqrt(area) >= 5).
MIN_CONTRAST_TO_TEXTURE: Final = 0.6
MIN_ROSE: Final = 5.0
# Printed patterns are structure, not noise: beyond this deviation the texture hides no more.
MAX_TEXTURE_LEVELS: Final = 25.0


def change_levels(clean: F32, altered: F32) -> F32:
    """Return the largest change over the colours (H, W), in grey levels, of two pictures (H, W, 3)."""
    b, g, r = cv2.split(cv2.absdiff(clean, altered))
    return f32(np.maximum(np.maximum(b, g), r))


def visible_mask(change: F32, body: Mask) -> Mask:
    """Return the altered pixels (H, W) without stray specks, and the body of the defect.

    Args:
        change: (H, W) grey levels, 0 outside the defect's window.
        body: (H, W) what a massive defect covers: between the lit and the shaded side of a dent lie pixels that happen
            to look as before, and no inspector would leave them out. False everywhere for scratches and the like.
    """
    peak = float(change.max(initial=0.0))
    altered = change >= max(MIN_CHANGE, SHARE_OF_PEAK * peak)
    if not altered.any():
        return altered
    count, labels, stats, _ = cv2.connectedComponentsWithStats((altered | body).view(np.uint8), connectivity=8)
    if count == 2:
        return altered | body
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= max(3, 0.02 * areas.max()))[labels], np.bool_)


def is_fair(change: F32, mask: Mask, texture_levels: float) -> bool:
    """Say whether a person could find the defect: area, mean change, contrast to texture and Rose's criterion."""
    area = int(mask.sum())
    if area < MIN_AREA_PX:
        return False
    mean = float(change[mask].mean())
    contrast = mean / max(1.0, min(texture_levels, MAX_TEXTURE_LEVELS))
    return mean >= MIN_MEAN_CHANGE and contrast >= MIN_CONTRAST_TO_TEXTURE and contrast * area**0.5 >= MIN_ROSE
