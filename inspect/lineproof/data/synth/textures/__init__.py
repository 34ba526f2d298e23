"""The surfaces that can be drawn, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from lineproof.data.synth.raster import Rng
from lineproof.data.synth.surface import Surface
from lineproof.data.synth.textures.cast import draw_cast
from lineproof.data.synth.textures.metal import draw_brushed_metal
from lineproof.data.synth.textures.printed import draw_printed
from lineproof.data.synth.textures.woven import draw_woven

# (part, lot, height, width) -> Surface: `lot` repeats its numbers for every part of one lot.
DrawTexture: TypeAlias = Callable[[Rng, Rng, int, int], Surface]

TEXTURES: Mapping[str, DrawTexture] = MappingProxyType(
    {
        "brushed_metal": draw_brushed_metal,
        "cast": draw_cast,
        "woven": draw_woven,
        "printed": draw_printed,
    }
)
