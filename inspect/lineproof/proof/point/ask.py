"""What a plant can ask of an operating point: a target for escapes, prices (`cost.Costs`), and how much review it can bear."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.errors import InputError
from lineproof.proof.point.guarantee import Kind


@dataclass(frozen=True, slots=True)
class Target:
    """At most this share of bad parts may pass; of all thresholds that show it, those of the least overkill.

    Raises:
        InputError: a target that no number of parts can show, or a confidence outside 0..1.
    """

    escape: float
    confidence: float = 0.95  # without effect on crc
    kind: Kind = "ltt"

    def __post_init__(self) -> None:
        if not 0 < self.escape < 1:
            raise InputError(
                f"target.escape: no number of parts can show a rate of {self.escape:g}",
                hint="0.01 means 1 of 100 bad parts; smaller rates need more bad parts",
            )
        if not 0 < self.confidence < 1:
            raise InputError(f"target.confidence: {self.confidence:g} is none", hint="give 0.95 for 95 %")
        if self.kind not in ("ltt", "crc"):
            raise InputError(f"target.kind: {self.kind!r} is unknown", hint="ltt (with confidence) or crc (on average)")

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"escape": self.escape, "confidence": self.confidence if self.kind == "ltt" else None, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class ReviewBudget:
    """The share of all parts that people can look at; the band between pass and fail is as wide as it allows.

    Raises:
        InputError: a share or a prior outside 0..1.
    """

    share: float
    prior: float | None = None  # share of bad parts in production; None: that of `Costs`, else as among these parts

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InputError(f"review.share: {self.share:g} is no share of parts", hint="0.02 means 2 of 100")
        if self.prior is not None and not 0 < self.prior < 1:
            raise InputError(f"review.prior: {self.prior:g} is no share of bad parts", hint="0.02 means 2 of 100")

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"share": self.share, "prior": self.prior}
