"""Named polygons on the camera image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def inside_any(xyxy: NDArray[np.float32], polygons: list[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Which box centres `(n,)` lie in or on the edge of one of the polygons `(k, 2)`."""
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return np.array(
        [
            any(cv2.pointPolygonTest(polygon, (float(x), float(y)), measureDist=False) >= 0 for polygon in polygons)
            for x, y in centres
        ],
        np.bool_,
    )
