"""One physical part: its clean surface, the same surface with defects, and where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from lineproof.data.synth.camera import (
    BLURRIEST_PX,
    DIMMEST,
    SHIFT_SHARE,
    LotOptics,
    draw_light,
    draw_lot_optics,
    margins,
)
from lineproof.data.synth.defects import DEFECTS, DefectKind
from lineproof.data.synth.distractors import add_distractors
from lineproof.data.synth.outline import add_edge, add_hole
from lineproof.data.synth.plan import LOT, PART, PartPlan, plan_part, stream
from lineproof.data.synth.raster import F32, U8, Mask, Rng, blur, f32, log_uniform
from lineproof.data.synth.settings import SynthSettings
from lineproof.data.synth.surface import Light, Surface, Window, light_up
from lineproof.data.synth.textures import TEXTURES
from lineproof.data.synth.textures.printed import ink_amount
from lineproof.data.synth.truth import change_levels, is_fair, visible_mask

PLACES_TRIED_FIRST, PLACES_TRIED = 60, 10  # a bad part must get one defect; further ones may find no room
HARD_SHARE = 0.2  # of all defects start faint and grow only until they are fair
PATCH_MARGIN_PX = 5
EDGE_SHARE = 0.25  # of the lots whose defects do not need an edge show one anyway


@dataclass(frozen=True)
class Part:
    """A drawn part: the light it reflects with and without its defects, and the window of each."""

    plan: PartPlan
    optics: LotOptics
    clean: F32  # (3, H', W') reflected light
    altered: F32  # (3, H', W')
    body: Mask  # (H', W')
    placed: tuple[tuple[str, Window], ...]

    @property
    def brightness(self) -> float:
        """Mean reflected light of the clean part, never 0."""
        return max(0.02, float(self.clean[1, ::4, ::4].mean()))

    def labels(self) -> U8:
        """Return 2, 4, … (H', W') in the windows of the defects, 1 more on their bodies, 0 elsewhere."""
        numbers = np.zeros(self.clean.shape[1:], np.uint8)
        for number, (_, window) in enumerate(self.placed, start=1):
            numbers[window.slices] = 2 * number + self.body[window.slices]
        return numbers


def build_part(settings: SynthSettings, seed: int, part: int) -> Part:
    """Draw one part of a seed; the same part whatever was drawn before."""
    plan = plan_part(settings, seed, part)
    rng = stream(seed, PART, part)
    optics = draw_lot_optics(stream(seed, LOT, plan.lot, len(TEXTURES)))
    light = draw_light(rng, optics)
    surface, holes = _draw_surface(settings, plan, rng, seed)
    altered = surface.copy()
    clean_light = light_up(surface, light)
    altered_light = clean_light.copy() if plan.classes else clean_light
    placed: list[tuple[str, Window]] = []
    for name in plan.classes:
        taken = holes + [window for _, window in placed]
        tries = PLACES_TRIED if placed else PLACES_TRIED_FIRST
        window = _add_defect(altered, DEFECTS[name], settings.size_wh, taken, tries, rng, light, optics)
        if window is not None:
            placed.append((name, window))
            lit = light_up(altered.window(*window.slices), light)
            # Slopes on the window's border lack their neighbours; no defect reaches it.
            rows, columns = window.inner
            altered_light[:, rows, columns] = lit[:, 1:-1, 1:-1]
    return Part(plan, optics, clean_light, altered_light, altered.body, tuple(placed))


def _draw_surface(settings: SynthSettings, plan: PartPlan, rng: Rng, seed: int) -> tuple[Surface, list[Window]]:
    texture_number = list(TEXTURES).index(plan.texture)
    lot = stream(seed, LOT, plan.lot, texture_number)
    (width, height), (mx, my) = settings.size_wh, margins(settings.size_wh)
    surface = TEXTURES[plan.texture](rng, lot, height + 2 * my, width + 2 * mx)
    add_distractors(surface, plan.texture, rng, lot)
    shows_edge, has_hole = lot.uniform() < EDGE_SHARE, lot.uniform() < 0.2
    holes = [add_hole(surface, rng, lot)] if has_hole and plan.texture in ("brushed_metal", "cast") else []
    if shows_edge or any(DEFECTS[name].place == "edge" for name in plan.classes):
        add_edge(surface, rng, lot)
    return surface, holes


def _add_defect(
    surface: Surface,
    kind: DefectKind,
    size_wh: tuple[int, int],
    taken: list[Window],
    tries: int,
    rng: Rng,
    light: Light,
    optics: LotOptics,
) -> Window | None:
    """Draw one defect where it is fair to ask for it; None when no place was found."""
    hard = rng.uniform() < HARD_SHARE
    for _ in range(tries):
        size_px = max(6.0, log_uniform(rng, *kind.size_of_side) * min(size_wh))
        geometry, strength = int(rng.integers(2**62)), 0.35 if hard else rng.uniform(0.7, 1.25)
        window = _find_place(surface, kind, size_px, size_wh, rng)
        if window is None or any(window.overlaps(other) for other in taken):
            continue
        target = surface.window(*window.slices)
        before = _worst_shot(target, light, optics)
        for _ in range(5):
            patch = target.copy()
            kind.draw(patch, np.random.default_rng(geometry), size_px, strength)
            patch.body &= patch.cover > 0.5
            change = change_levels(before, _worst_shot(patch, light, optics))
            if is_fair(change, visible_mask(change, patch.body), float(before[..., 1].std())):
                target.take(patch)
                return window
            strength *= 1.5
    return None


def _worst_shot(surface: Surface, light: Light, optics: LotOptics) -> F32:
    """Return the picture (h, w, 3) of a patch in grey levels, as dim and blurred as any shot can make it."""
    image = f32(cv2.merge(list(light_up(surface, light))))
    if optics.mono:
        image = f32(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))
    return f32(np.minimum(blur(image, BLURRIEST_PX) * np.float32(255 * DIMMEST), 255))


def _find_place(
    surface: Surface, kind: DefectKind, size_px: float, size_wh: tuple[int, int], rng: Rng
) -> Window | None:
    """Draw a window that every shot shows whole, centred as the defect asks."""
    half = math.ceil(size_px / 2) + PATCH_MARGIN_PX
    rows, columns = surface.shape
    (mx, my), (width, height) = margins(size_wh), size_wh
    low_x, high_x = mx + math.ceil(SHIFT_SHARE * width) + half, columns - mx - math.ceil(SHIFT_SHARE * width) - half
    low_y, high_y = my + math.ceil(SHIFT_SHARE * height) + half, rows - my - math.ceil(SHIFT_SHARE * height) - half
    if low_x >= high_x or low_y >= high_y:
        return None
    if kind.place == "anywhere":
        y, x = int(rng.integers(low_y, high_y)), int(rng.integers(low_x, high_x))
        if surface.inside is not None and surface.inside[y, x] < 0.3 * size_px:
            return None
    else:
        step = 3 if kind.place == "ink" else 1  # print is never as thin as an edge
        area = surface.window(slice(low_y, high_y, step), slice(low_x, high_x, step))
        wanted = ink_amount(area) > 0.15 if kind.place == "ink" else _at_edge(area)
        spots = np.flatnonzero(wanted)
        if len(spots) == 0:
            return None
        row, column = divmod(int(rng.choice(spots)), wanted.shape[1])
        y, x = low_y + step * row, low_x + step * column
    return Window(y - half, x - half, 2 * half + 1)


def _at_edge(surface: Surface) -> Mask:
    if surface.inside is None:
        return np.zeros(surface.shape, np.bool_)
    return np.asarray(np.abs(surface.inside) < 0.8, np.bool_)
