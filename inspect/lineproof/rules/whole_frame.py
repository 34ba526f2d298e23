"""Which tolerances make sense for a classifier, whose every detection is the whole frame."""

from __future__ import annotations

from lineproof.errors import SettingsError
from lineproof.rules.tolerance import Rules, Tolerance


def check_whole_frame(rules: Rules) -> None:
    """Raise SettingsError for a tolerance by area, count or zone: it would say nothing, or quietly pass every part.

    An area would be that of the frame, never the defect's. A zone holds the centre of the frame or does not, so it would
    let a class always count or never. A class is found once at most, so a count of 1 would never reject.
    """
    for name, tolerance in {"default": rules.default, **rules.classes}.items():
        for field, instead in _without_sense(tolerance).items():
            raise SettingsError(
                f"rules.{name}.{field}: the bundle is a classifier, which says what is on the image and not where or how "
                "large",
                hint=instead,
            )


def _without_sense(tolerance: Tolerance) -> dict[str, str]:
    """Field of the line file to what may be meant instead."""
    found: dict[str, str] = {}
    if tolerance.min_area_px2:
        found["min_area_px2"] = "set its score instead, or train a detector"
    if tolerance.min_area_mm2:
        found["min_area_mm2"] = "set its score instead, or train a detector"
    if tolerance.zones:
        found["zones"] = "cut the frame by `regions` of the line file, or train a detector"
    if tolerance.max_count:
        found["max_count"] = "use `ignore: true` to tolerate the class"
    return found
