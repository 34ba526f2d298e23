"""The gate in front of the inspection: a frame that is not as commissioned is refused, in one sentence."""

from __future__ import annotations

from lineproof.core import Image
from lineproof.errors import SettingsError
from lineproof.watch.measures import Glimpse, Measures, glimpse, measure
from lineproof.watch.position import Template
from lineproof.watch.settings import PositionSettings, QualitySettings, Range


class QualityGate:
    """Compares each frame with what was learnt; 1.5 to 2.2 ms for 1280 × 960 where two cores are five times overbooked."""

    def __init__(self, settings: QualitySettings, template: Template | None = None) -> None:
        """Take limits, and the template that belongs to `settings.position`.

        Raises:
            SettingsError: a position without a template.
        """
        if settings.position is not None and template is None:
            raise SettingsError("quality.position: no template", hint="use QualityGate.open")
        self.settings = settings
        self._template = template

    @classmethod
    def open(cls, settings: QualitySettings) -> QualityGate:
        """With the template of its file; raises SettingsError when that cannot be read."""
        position = settings.position
        return cls(settings, None if position is None else Template.read(position.template))

    def check(self, image: Image) -> str | None:
        """What is wrong with an `(H, W, 3)` uint8 BGR frame, in one sentence; None when it is as commissioned."""
        return self.check_glimpse(glimpse(image))

    def check_glimpse(self, seen: Glimpse) -> str | None:
        """The same of what was kept of a frame."""
        found = measure(seen)
        # The most telling first: light upsets all that follows, blur takes contrast away, and both upset the place. A lamp
        # that is off is said before its darkness; black and white are even, whatever the learnt light is.
        level, uneven = self._level(found), self._evenness(found)
        light = level or uneven if self._flat(found) else uneven or level
        return self._size(seen) or light or self._focus(found) or self._flat(found) or self._place(seen)

    def _size(self, seen: Glimpse) -> str | None:
        learnt = self.settings.image_wh
        if learnt is None or learnt == seen.wh:
            return None
        return f"the picture is {seen.wh[0]}×{seen.wh[1]}, commissioned at {learnt[0]}×{learnt[1]}"

    def _level(self, found: Measures) -> str | None:
        limits = self.settings
        if limits.mean is not None and not _inside(found.mean, limits.mean):
            word = "too dark" if found.mean < limits.mean[0] else "too bright"
            return f"{word}: mean {found.mean:.0f}, learnt {limits.mean[0]:.0f}–{limits.mean[1]:.0f}"
        if limits.max_saturated is not None and found.saturated > limits.max_saturated:
            return f"overexposed: {found.saturated:.0%} of the pixels are white, learnt ≤ {limits.max_saturated:.0%}"
        if limits.max_dark is not None and found.dark > limits.max_dark:
            return f"too dark: {found.dark:.0%} of the pixels are black, learnt ≤ {limits.max_dark:.0%}"
        return None

    def _flat(self, found: Measures) -> str | None:
        least = self.settings.min_contrast
        if least is None or found.contrast >= least:
            return None
        return f"no contrast: {found.contrast:.0f} grey levels, learnt ≥ {least:.0f}"

    def _evenness(self, found: Measures) -> str | None:
        limits = self.settings
        if limits.left_right is not None and not _inside(found.left_right, limits.left_right):
            return _uneven("left half", "right", found.left_right, limits.left_right)
        if limits.top_bottom is not None and not _inside(found.top_bottom, limits.top_bottom):
            return _uneven("upper half", "lower", found.top_bottom, limits.top_bottom)
        return None

    def _focus(self, found: Measures) -> str | None:
        for name, sharpness, least in (
            ("sharpness", found.sharpness_fine, self.settings.min_sharpness_fine),
            ("coarse sharpness", found.sharpness_coarse, self.settings.min_sharpness_coarse),
        ):
            if least is not None and sharpness < least:
                return f"out of focus: {name} {sharpness:.3f}, learnt ≥ {least:.3f}"
        return None

    def _place(self, seen: Glimpse) -> str | None:
        limits = self.settings.position
        if limits is None or self._template is None:
            return None
        if self._template.grey.shape != seen.grey.shape:
            (height, width), (there_h, there_w) = self._template.grey.shape, seen.grey.shape
            return f"the picture reduces to {there_w}×{there_h}, the template is {width}×{height}"
        return _moved(self._template, seen, limits)


def _inside(value: float, limits: Range) -> bool:
    return limits[0] <= value <= limits[1]


def _uneven(one: str, other: str, ratio: float, limits: Range) -> str:
    return f"unevenly lit: the {one} is {ratio:.2f} of the {other}, learnt {limits[0]:.2f}–{limits[1]:.2f}"


def _moved(template: Template, seen: Glimpse, limits: PositionSettings) -> str | None:
    place = template.locate(seen)
    if not place.match >= limits.min_match:
        return f"moved: another picture than learnt, match {place.match:.2f}, learnt ≥ {limits.min_match:.2f}"
    if place.shift_px > limits.max_shift_px:
        return f"moved: {place.shift_px:.0f} px from where it was, allowed {limits.max_shift_px:.0f}"
    if abs(place.turn_deg) > limits.max_turn_deg:
        return f"moved: turned by {place.turn_deg:.1f}°, allowed {limits.max_turn_deg:.1f}°"
    return None
