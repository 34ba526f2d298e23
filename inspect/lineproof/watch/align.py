"""Where a part lies against its template: shift and turn, so that regions and zones can follow it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.errors import FrameError, InputError

# ORB and a rigid fit: of 83 real surfaces moved by up to 8 % and 60° it found 77, to 0.4 px (90 %), 0.7 px at worst,
# and refused six; of 83 pictures of something else it took none. SIFT is finer (0.1 px) and twenty times as slow; ECC from
# a standstill was off by 30 px in half of the pictures and sure of it (0.9).
_FEATURES, _FAST_THRESHOLD, _PYRAMID = 1500, 10, 1.2
_WORK_PX = 1024  # longer sides are reduced: a tenth of a pixel of the reduced picture is enough
_DISTINCT = 0.8  # Lowe's ratio: the second best match must be clearly worse
_INLIER_PX = 2.0
# A wrong movement gathers a handful of matches by chance; 16 that agree to 2 px, a quarter of all, it does not.
_MIN_INLIERS, _MIN_SHARE = 16, 0.25
_MAX_SCALE = 0.02  # a rigid part under a fixed camera keeps its size
_MIN_REACH = 0.08  # of the picture's diagonal: matches on one spot tell no turn


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The rigid movement from the template to the picture."""

    matrix: NDArray[np.float64]  # (2, 3): template pixels to picture pixels
    inliers: int
    residual_px: float  # root mean square over the inliers

    @property
    def turn_deg(self) -> float:
        """Clockwise as seen."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    def shift_px(self, at: tuple[float, float]) -> tuple[float, float]:
        """How far a point of the template has moved, right and down."""
        moved = self.map_points(np.array([at], np.float64))[0]
        return float(moved[0] - at[0]), float(moved[1] - at[1])

    def map_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points `(n, 2)` of the template, a region's corners or a zone's, to the picture."""
        return np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]


class PartTemplate:
    """A picture of a part in its place, with the features it is found by."""

    def __init__(self, image: Image) -> None:
        """Take an `(H, W, 3)` uint8 BGR image; raises InputError when it has too little structure to be found by."""
        self.wh = image.shape[1], image.shape[0]
        self._points, self._marks = _features(image)
        if len(self._points) < 2 * _MIN_INLIERS:
            raise InputError(
                f"the template has {len(self._points)} features, {2 * _MIN_INLIERS} are needed",
                hint="choose a sharper picture, or one with more of the part",
            )

    def align(self, image: Image, part_id: str = "") -> Alignment:
        """Find the part in an `(H, W, 3)` uint8 BGR image of the same camera.

        Raises:
            FrameError: not surely found; says what was missing. Never a guess.
        """
        points, marks = _features(image)
        here, there = self._matches(points, marks)
        if len(here) < _MIN_INLIERS:
            raise _unsure(part_id, f"{len(here)} features of the template found, {_MIN_INLIERS} are needed")
        guess, inside = cv2.estimateAffinePartial2D(
            here, there, ransacReprojThreshold=_INLIER_PX, maxIters=2000, confidence=0.999
        )
        if guess is None:
            raise _unsure(part_id, "the features agree on no movement")
        rows = inside.ravel().astype(bool)
        found, share = int(rows.sum()), float(rows.mean())
        if found < _MIN_INLIERS or share < _MIN_SHARE:
            raise _unsure(part_id, f"{found} of {len(rows)} features agree on a movement")
        scale = float(np.hypot(guess[0, 0], guess[1, 0]))
        if abs(scale - 1) > _MAX_SCALE:
            raise _unsure(part_id, f"it seems {scale:.2f} times as large as the template")
        reach = float(here[rows].std(axis=0).max() / np.hypot(*self.wh))
        if reach < _MIN_REACH:
            raise _unsure(part_id, "all features found lie on one spot")
        return _rigid(here[rows], there[rows])

    def _matches(
        self, points: NDArray[np.float64], marks: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points `(n, 2)` of the template and of the picture that look alike and like nothing else."""
        if len(marks) < 2:
            return np.zeros((0, 2)), np.zeros((0, 2))
        pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(self._marks, marks, 2)
        sure = [best for best, second in pairs if best.distance < _DISTINCT * second.distance]
        here = np.array([self._points[match.queryIdx] for match in sure]).reshape(-1, 2)
        return here, np.array([points[match.trainIdx] for match in sure]).reshape(-1, 2)


def _features(image: Image) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Points `(n, 2)` in pixels of the image and their marks `(n, 32)`."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    scale = max(1.0, max(width, height) / _WORK_PX)
    if scale > 1:
        grey = cv2.resize(grey, (round(width / scale), round(height / scale)), interpolation=cv2.INTER_AREA)
    keys, marks = cv2.ORB.create(_FEATURES, scaleFactor=_PYRAMID, fastThreshold=_FAST_THRESHOLD).detectAndCompute(
        grey, None
    )
    if not keys:
        return np.zeros((0, 2)), np.zeros((0, 32), np.uint8)
    back = np.array([width / grey.shape[1], height / grey.shape[0]])
    # OpenCV's resize keeps the picture's edges, not the centres of its corner pixels; ORB forgets that between the levels
    # of its own pyramid, and a part upside down would be a pixel off.
    level = _PYRAMID ** np.array([key.octave for key in keys], np.float64)[:, None]
    points = np.array([key.pt for key in keys], np.float64) + 0.5 * (level - 1)
    points = (points + 0.5) * back - 0.5
    return points, np.asarray(marks, np.uint8)


def _rigid(here: NDArray[np.float64], there: NDArray[np.float64]) -> Alignment:
    """The turn and shift with the least squares (Kabsch 1976), without the scale that a fixed camera cannot have."""
    centre, target = here.mean(axis=0), there.mean(axis=0)
    covariance = (here - centre).T @ (there - target)
    turn = np.arctan2(covariance[0, 1] - covariance[1, 0], covariance[0, 0] + covariance[1, 1])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.column_stack([rotation, target - rotation @ centre])
    left = here @ rotation.T + matrix[:, 2] - there
    return Alignment(matrix, len(here), float(np.sqrt((left**2).sum(axis=1).mean())))


def _unsure(part_id: str, why: str) -> FrameError:
    return FrameError(
        f"the part is not where it can be told: {why}", part_id=part_id, hint="show it as in the template"
    )
