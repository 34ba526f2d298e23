"""Who gets what: every part's texture, lot and defects, from its number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lineproof.data.synth.defects import DEFECTS
from lineproof.data.synth.raster import Rng
from lineproof.data.synth.settings import SynthSettings, textures_for

OK_BLOCK = 10  # the OK share is met exactly in every block of this many parts, as nearly as whole parts allow

# Streams of random numbers that must not share their seeds.
PLAN, PART, SHOT, LOT, CLASS_DECK, OK_DECK = range(6)


@dataclass(frozen=True)
class PartPlan:
    """What one part is: decided before anything is drawn."""

    part: int
    lot: int
    texture: str
    classes: tuple[str, ...]  # one name per defect; empty for an OK part


def stream(seed: int, purpose: int, *indices: int) -> Rng:
    """Return the random numbers of one purpose: a function of its arguments alone."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, *indices]))


def plan_part(settings: SynthSettings, seed: int, part: int) -> PartPlan:
    """Decide texture and defects; OK parts draw their texture as if they had a defect, so it tells nothing."""
    rng = stream(seed, PLAN, part)
    classes = _dealt(settings.defects, seed, part)
    texture = str(rng.choice(textures_for(settings, classes)))
    lot = part // settings.parts_per_lot
    if _is_ok(settings.ok_share, seed, part):
        return PartPlan(part, lot, texture, ())
    possible = [name for name in settings.defects if texture in DEFECTS[name].textures]
    count = int(rng.integers(settings.defects_per_part[0], settings.defects_per_part[1] + 1))
    # Half of the further defects repeat the first, so that rare combinations do not tilt the balance.
    more = [classes if rng.uniform() < 0.5 else str(rng.choice(possible)) for _ in range(count - 1)]
    return PartPlan(part, lot, texture, (classes, *more))


def _dealt(names: tuple[str, ...], seed: int, part: int) -> str:
    """Deal classes like cards: each comes once before any comes again."""
    block, place = divmod(part, len(names))
    return names[int(stream(seed, CLASS_DECK, block).permutation(len(names))[place])]


def _is_ok(share: float, seed: int, part: int) -> bool:
    block, place = divmod(part, OK_BLOCK)
    wanted = math.floor((block + 1) * OK_BLOCK * share + 1e-9) - math.floor(block * OK_BLOCK * share + 1e-9)
    return bool(stream(seed, OK_DECK, block).permutation(OK_BLOCK)[place] < wanted)
