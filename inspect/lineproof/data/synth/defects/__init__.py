"""The defects that can be drawn, by name, and where each may occur."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from lineproof.data.synth.defects.deposits import missing_print, smear, spatter, stain
from lineproof.data.synth.defects.edges import burr, notch
from lineproof.data.synth.defects.lines import crack, fibre, scratch
from lineproof.data.synth.defects.relief import bubble, chip, corrosion, dent, pit, weld_ripple
from lineproof.data.synth.raster import Rng
from lineproof.data.synth.surface import Surface

# (patch, rng, size in pixels, strength around 1) -> None: draws around the centre of the patch, in place.
DrawDefect: TypeAlias = Callable[[Surface, Rng, float, float], None]

METALS = ("brushed_metal", "cast")
RIGID = (*METALS, "printed")
ALL = (*RIGID, "woven")


@dataclass(frozen=True)
class DefectKind:
    """How one family of defects is drawn, where it occurs, and how large it gets."""

    draw: DrawDefect
    textures: tuple[str, ...]
    size_of_side: tuple[float, float]  # smallest and largest extent, as a share of the shorter image side
    place: Literal["anywhere", "edge", "ink"] = "anywhere"


DEFECTS: Mapping[str, DefectKind] = MappingProxyType(
    {
        "scratch": DefectKind(scratch, ALL, (0.06, 0.60)),
        "dent": DefectKind(dent, RIGID, (0.05, 0.40)),
        "pit": DefectKind(pit, METALS, (0.025, 0.20)),
        "stain": DefectKind(stain, ALL, (0.05, 0.45)),
        "crack": DefectKind(crack, ALL, (0.07, 0.55)),
        "missing_print": DefectKind(missing_print, ("printed",), (0.06, 0.40), place="ink"),
        "bubble": DefectKind(bubble, RIGID, (0.03, 0.25)),
        "fibre": DefectKind(fibre, ALL, (0.06, 0.35)),
        "spatter": DefectKind(spatter, ALL, (0.05, 0.35)),
        "burr": DefectKind(burr, METALS, (0.06, 0.35), place="edge"),
        "smear": DefectKind(smear, ALL, (0.08, 0.45)),
        "chip": DefectKind(chip, RIGID, (0.03, 0.22)),
        "corrosion": DefectKind(corrosion, METALS, (0.05, 0.40)),
        "weld_ripple": DefectKind(weld_ripple, METALS, (0.10, 0.45)),
        "notch": DefectKind(notch, (*METALS, "woven"), (0.04, 0.22), place="edge"),
    }
)
