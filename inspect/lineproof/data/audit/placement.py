"""Where annotations lie on the pixels when the recorded size is another: before EXIF turned it, or before a resize."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lineproof.core import BoxMask
from lineproof.core.boxes import F32, clip_boxes
from lineproof.data.audit.pixels import ImageFacts
from lineproof.data.audit.raw import Box


@dataclass(frozen=True, slots=True)
class Placement:
    """From the size the annotations were drawn on to the pixels as they are shown."""

    drawn_wh: tuple[int, int]
    shown_wh: tuple[int, int]
    orientation: int  # EXIF; 1 unless the annotations have to be turned with the pixels

    @classmethod
    def of(cls, facts: ImageFacts, recorded_wh: tuple[int, int] | None) -> Placement:
        """A recorded size as stored means unturned annotations; square or upside-down images cannot tell: taken as shown."""
        drawn = recorded_wh or facts.shown_wh
        unturned = drawn == facts.stored_wh != facts.shown_wh
        return cls(drawn, facts.shown_wh, facts.orientation if unturned else 1)

    @property
    def changes(self) -> bool:
        """Annotations have to move."""
        return self.orientation != 1 or self.drawn_wh != self.shown_wh

    def box(self, xywh: Box) -> F32:
        """The box `(4,)` as corners, turned, scaled and clipped to the image."""
        x, y, width, height = xywh
        corners = np.array([[x, y], [x + width, y + height]], np.float64)
        corners = _turn_points(corners, self.drawn_wh, self.orientation)
        low, high = corners.min(axis=0) * self._scale, corners.max(axis=0) * self._scale
        clipped: F32 = clip_boxes(np.array([[*low, *high]], np.float32), self.shown_wh)[0]
        return clipped

    def mask(self, mask: BoxMask) -> BoxMask:
        """The mask, turned and scaled."""
        if not self.changes:
            return mask
        full = _turn_picture(mask.full(self.drawn_wh), self.orientation).astype(np.uint8)
        return BoxMask.from_full(cv2.resize(full, self.shown_wh, interpolation=cv2.INTER_NEAREST))

    @property
    def _scale(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        drawn = self.drawn_wh[::-1] if self.orientation >= 5 else self.drawn_wh
        return np.array([self.shown_wh[0] / drawn[0], self.shown_wh[1] / drawn[1]])


def _turn_points(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], stored_wh: tuple[int, int], orientation: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Points `(k, 2)` of the stored picture where a viewer shows them."""
    width, height = stored_wh
    x, y = points[:, 0], points[:, 1]
    shown = {
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }.get(orientation, (x, y))
    return np.stack(shown, axis=1)


def _turn_picture(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], orientation: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """A stored picture `(h, w)` as a viewer shows it."""
    if orientation >= 5:
        picture = picture.T
    flip_x, flip_y = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return picture[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
