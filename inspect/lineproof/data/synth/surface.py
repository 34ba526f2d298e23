"""The physical part before a camera sees it: reflectance, relief and outline, and how light falls on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lineproof.data.synth.raster import F32, Mask, f32, slopes


@dataclass(frozen=True)
class Window:
    """A square of the drawn surface, in pixels: where a defect is, or a hole."""

    top: int
    left: int
    side: int

    def overlaps(self, other: Window) -> bool:
        """Say whether two windows share a pixel."""
        apart = (
            self.top + self.side <= other.top
            or other.top + other.side <= self.top
            or self.left + self.side <= other.left
            or other.left + other.side <= self.left
        )
        return not apart

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns without the border of one pixel."""
        return slice(self.top + 1, self.top + self.side - 1), slice(self.left + 1, self.left + self.side - 1)


@dataclass(frozen=True)
class Light:
    """A lamp at grazing incidence: how strongly slopes towards x and y brighten or darken."""

    x: float
    y: float


ALTERED_PLANES = ("albedo", "height", "cover", "body")  # what defects change


@dataclass
class Surface:
    """A drawn surface; the planes are altered in place by textures, distractors and defects."""

    albedo: F32  # (3, H, W) BGR reflectance; 1 is white paper under the reference lamp
    height: F32  # (H, W) pixels towards the camera
    cover: F32  # (H, W) 1 on the part, 0 on the background beside it
    inside: F32 | None  # (H, W) pixels inwards from the part's edge; None when no edge is in view
    bare: F32 | None  # (3, H, W) the reflectance without ink; None on surfaces that are not printed
    body: Mask  # (H, W) what massive defects cover, for the truth
    backdrop: F32  # (3,) BGR reflectance of what lies behind the part
    gloss: float  # how quickly slopes that face the lamp become highlights

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height.shape[0], self.height.shape[1]

    def window(self, rows: slice, columns: slice) -> Surface:
        """Return a view on a rectangle: drawing on it draws on this surface."""
        return replace(
            self,
            albedo=self.albedo[:, rows, columns],
            height=self.height[rows, columns],
            cover=self.cover[rows, columns],
            inside=None if self.inside is None else self.inside[rows, columns],
            bare=None if self.bare is None else self.bare[:, rows, columns],
            body=self.body[rows, columns],
        )

    def copy(self) -> Surface:
        """Return a surface that can be altered independently."""
        planes = {name: getattr(self, name).copy() for name in ALTERED_PLANES}
        return replace(self, **planes)

    def take(self, other: Surface) -> None:
        """Overwrite this surface with another one of the same shape."""
        for name in ALTERED_PLANES:
            getattr(self, name)[...] = getattr(other, name)

    def blend(self, colour: F32, alpha: F32) -> None:
        """Mix a colour (3,) or (3, H, W) over the reflectance by alpha (H, W)."""
        over = colour[:, None, None] if colour.ndim == 1 else colour
        step = over - self.albedo
        step *= np.clip(alpha, 0, 1)
        self.albedo += step

    def tone(self, factor: F32) -> None:
        """Multiply the reflectance by a plane (H, W) or by planes (3, H, W)."""
        self.albedo *= np.maximum(factor, np.float32(0))


def plain_surface(albedo: F32, height: F32, gloss: float, bare: F32 | None = None) -> Surface:
    """Return a surface that fills the picture and has no defects yet."""
    cover = np.ones(height.shape, np.float32)
    return Surface(albedo, height, cover, None, bare, np.zeros(height.shape, np.bool_), np.zeros(3, np.float32), gloss)


def light_up(surface: Surface, light: Light) -> F32:
    """Return the reflected light (3, H, W) of a surface under a lamp, 1 for white paper."""
    gx, gy = slopes(surface.height)
    facing = np.float32(-light.x) * gx - np.float32(light.y) * gy
    highlight = np.maximum(facing, 0)
    highlight *= highlight
    highlight *= np.float32(surface.gloss)
    shade = facing
    shade += highlight
    shade += 1
    np.clip(shade, 0.1, 3.0, out=shade)
    lit = surface.albedo * shade
    if surface.inside is not None:
        behind = surface.backdrop[:, None, None]
        lit -= behind
        lit *= surface.cover
        lit += behind
    return f32(lit)
