"""How often a detector calls a defect where none is; without it, a probability of detection says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import gammaincinv

from lineproof.proof.intervals import Interval
from lineproof.proof.rates import Rate


@dataclass(frozen=True, slots=True)
class FalseCalls:
    """Detections that show no true defect, and what they were counted on."""

    count: int
    images_with: Rate  # images with at least one, of all: holds however false calls cluster
    area: float | None = None  # of all the images together, in `area_unit`; None: not known
    area_unit: str = "mm²"

    def __post_init__(self) -> None:
        """Raise ValueError for counts that contradict each other, no image, or an area that is not positive."""
        if (
            self.images_with.of < 1
            or not self.images_with.count <= self.count
            or (self.count and not self.images_with.count)
        ):
            raise ValueError(f"{self.count} false calls on {self.images_with.count} of {self.images_with.of} images")
        if self.area is not None and not self.area > 0:
            raise ValueError(f"area: expected more than 0 {self.area_unit}, got {self.area}")

    @property
    def per_image(self) -> float:
        """Mean number on an image."""
        return self.count / self.images_with.of

    @property
    def per_image_interval(self) -> Interval:
        """Two-sided 95 %, exact for false calls that are independent of each other (Garwood 1936)."""
        return poisson_interval(self.count, self.images_with.of)

    @property
    def per_area(self) -> float | None:
        """Mean number on one unit of area; None where the area is not known."""
        return None if self.area is None else self.count / self.area

    @property
    def per_area_interval(self) -> Interval | None:
        """Two-sided 95 %, as `per_image_interval`."""
        return None if self.area is None else poisson_interval(self.count, self.area)

    def __str__(self) -> str:
        low, high = self.per_image_interval
        return f"{self.count} false calls, {self.per_image:.3g} an image (95 %: {low:.3g} – {high:.3g})"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        by_area = self.per_area_interval
        return {
            "count": self.count,
            "images_with": self.images_with.as_dict(),
            "per_image": _significant(self.per_image),
            "per_image_interval": [_significant(end) for end in self.per_image_interval],
            "per_area": None if self.per_area is None else _significant(self.per_area),
            "per_area_interval": None if by_area is None else [_significant(end) for end in by_area],
            "area_unit": self.area_unit,
        }


def poisson_interval(count: int, exposure: float, confidence: float = 0.95) -> Interval:
    """Two-sided exact interval of a rate of events (Garwood 1936): quantiles of χ² over twice the exposure.

    Raises:
        ValueError: a negative count, or an exposure that is not positive.
    """
    if count < 0 or not exposure > 0:
        raise ValueError(f"expected a count from 0 on and an exposure above 0, got {count} and {exposure}")
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(gammaincinv(count, tail))
    return Interval(low / exposure, float(gammaincinv(count + 1, 1 - tail)) / exposure)


def _significant(value: float) -> float:
    return float(f"{value:.5g}")
