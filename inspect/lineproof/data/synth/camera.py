"""From reflected light to 8-bit pixels: pose, illumination, exposure, focus and noise of one shot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.data.synth.raster import F32, U8, Rng, blur, f32, log_uniform, resize, rotation
from lineproof.data.synth.surface import Light

# A part is drawn this much larger on each side, so that a shifted shot still shows part everywhere.
MARGIN_SHARE = 0.06
SHIFT_SHARE = 0.022
MAX_ANGLE_DEG = 1.8
DIMMEST = 0.62  # the lowest product of exposure and illumination that any shot applies
BLURRIEST_PX = 0.85
BRIGHTEST = 0.72  # the mean level of the part, as a share of full scale, at which operators close the iris


@dataclass(frozen=True)
class LotOptics:
    """What the station keeps for a whole lot: lamp, colour or mono camera."""

    light_angle: float  # radians; where grazing light comes from
    light_gain: float  # brightness per unit of slope
    mono: bool


@dataclass(frozen=True)
class View:
    """One shot's optics; the same view shows the part with and without its defects."""

    pose: NDArray[np.float64]  # (2, 3) from the drawn surface to the image
    gain: F32  # (H, W, 3) grey levels for white paper
    blur_px: float
    read_noise: float  # grey levels
    shot_noise: float  # grey levels at level 255
    mono: bool


def margins(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return how many pixels are drawn beyond the image on each side, in x and in y."""
    return math.ceil(size_wh[0] * MARGIN_SHARE), math.ceil(size_wh[1] * MARGIN_SHARE)


def draw_lot_optics(rng: Rng) -> LotOptics:
    """Draw the station's set-up of one lot."""
    return LotOptics(rng.uniform(0, 2 * math.pi), rng.uniform(0.75, 1.4), bool(rng.uniform() < 0.25))


def draw_light(rng: Rng, optics: LotOptics) -> Light:
    """Draw the lamp of one part: the lot's, a little displaced."""
    angle = optics.light_angle + rng.normal(0, 0.12)
    return Light(math.cos(angle) * optics.light_gain, math.sin(angle) * optics.light_gain)


def draw_view(rng: Rng, size_wh: tuple[int, int], optics: LotOptics, brightness: float) -> View:
    """Draw pose, exposure, illumination, focus and noise of one shot of a part of this mean reflectance."""
    width, height = size_wh
    mx, my = margins(size_wh)
    angle_deg = float(np.clip(rng.normal(0, 0.7), -MAX_ANGLE_DEG, MAX_ANGLE_DEG))
    shift = rng.uniform(-1, 1) * width * SHIFT_SHARE - mx, rng.uniform(-1, 1) * height * SHIFT_SHARE - my
    pose = rotation((mx + (width - 1) / 2, my + (height - 1) / 2), angle_deg, rng.uniform(0.99, 1.03), shift)
    x, y = np.linspace(-1, 1, 9, dtype=np.float32), np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    turn, tilt = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.14)
    hot_x, hot_y = rng.uniform(-0.8, 0.8, 2)
    field = 1 + tilt * (x * math.cos(turn) + y * math.sin(turn)) - rng.uniform(0, 0.07) * (x * x + y * y)
    field = field + rng.uniform(0, 0.12) * np.exp(-((x - hot_x) ** 2 + (y - hot_y) ** 2) / 0.5)
    exposure = 255 * min(log_uniform(rng, 0.82, 1.28), BRIGHTEST / brightness)
    lamp = resize(f32(np.maximum(field * exposure, 255 * DIMMEST)), width, height)
    white = (1.0, 1.0, 1.0) if optics.mono else (rng.normal(1, 0.02), 1.0, rng.normal(1, 0.02))
    gain = f32(cv2.merge([lamp * np.float32(w) for w in white]))
    sharpness = rng.uniform(0.0, BLURRIEST_PX)
    return View(pose, gain, sharpness, log_uniform(rng, 0.4, 1.6), log_uniform(rng, 0.8, 3.2), optics.mono)


def project(lit: F32, view: View) -> F32:
    """Return the noiseless picture (H, W, 3) in grey levels 0..255 of reflected light (3, H', W')."""
    height, width = view.gain.shape[:2]
    mode = cv2.INTER_LINEAR
    image = cv2.warpAffine(cv2.merge(list(lit)), view.pose, (width, height), flags=mode, borderMode=cv2.BORDER_REFLECT)
    levels = np.clip(blur(f32(image), view.blur_px) * view.gain, 0, 255)
    if view.mono:
        levels = f32(cv2.cvtColor(cv2.cvtColor(levels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))
    return f32(levels)


def expose(levels: F32, view: View, rng: Rng) -> U8:
    """Return the 8-bit picture (H, W, 3) with the sensor's noise."""
    height, width = levels.shape[:2]
    green = cv2.extractChannel(levels, 1)
    deviation = cv2.sqrt(green * np.float32(view.shot_noise**2 / 255) + np.float32(view.read_noise**2))
    # One field serves all colours, shifted far enough that no eye and no filter finds the repetition.
    noise = rng.standard_normal((height, width), dtype=np.float32)
    shifts = ((0, 0),) * 3 if view.mono else ((0, 0), (height // 3, width // 5), (height // 2, width // 3))
    planes = [np.roll(noise, shift, (0, 1)) * deviation for shift in shifts]
    return np.asarray(cv2.add(levels, cv2.merge(planes), dtype=cv2.CV_8U), np.uint8)
