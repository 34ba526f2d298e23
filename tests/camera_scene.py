"""Pictures of one camera over a fixture: the fixture stands still, the part in its middle is another one each time."""

from __future__ import annotations

import cv2
import numpy as np

WH = (320, 240)
_PAD = 40


def surface(seed: int, wh: tuple[int, int] = WH) -> np.ndarray:
    """Grey `(H, W)`: edges, spots and a fine grain, all between 60 and 200."""
    draw = np.random.default_rng(seed)
    picture = np.full((wh[1], wh[0]), 120, np.uint8)
    for _ in range(wh[0] * wh[1] // 700):
        x, y = draw.integers(0, wh[0]), draw.integers(0, wh[1])
        w, h = draw.integers(6, 50, 2)
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), int(draw.integers(60, 200)), -1)
    grain = draw.normal(0, 6, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8) + grain, 0, 255).astype(np.uint8)


_FIXTURE = surface(0, (WH[0] + 2 * _PAD, WH[1] + 2 * _PAD))


def seen(
    number: int,
    *,
    shift: tuple[float, float] = (0, 0),
    turn_deg: float = 0,
    light: float = 1.0,
    fixture: np.ndarray = _FIXTURE,
    part: bool = True,
) -> np.ndarray:
    """Frame `(240, 320, 3)` BGR of part `number`; `shift` and `turn_deg` (clockwise) move the whole picture."""
    draw = np.random.default_rng(number)
    picture = fixture.copy()
    if part:
        x, y = 130 + int(draw.integers(-2, 3)), 110 + int(draw.integers(-2, 3))
        picture[y : y + 100, x : x + 140] = surface(1000 + number, (140, 100))
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -turn_deg, 1)
    matrix[:, 2] += shift
    picture = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    picture = picture[_PAD:-_PAD, _PAD:-_PAD] * (light * draw.uniform(0.97, 1.03))
    noisy = picture + draw.normal(0, 1.5, picture.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
