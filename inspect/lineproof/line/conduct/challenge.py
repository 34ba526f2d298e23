"""The line file's section on known parts: which they are, when they are due, and what happens when nobody shows them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lineproof.core.station import Outcome
from lineproof.line.station.challenge import KnownParts
from lineproof.settings import StrictModel

PartId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ChallengeSettings(StrictModel):
    """Known parts that a station must judge right: after a start, after another bundle, and at set times."""

    parts: dict[PartId, Literal["PASS", "FAIL", "REVIEW"]] = Field(
        min_length=1,
        description="part id → the answer it must get; a trigger with this id, or its code, is the known part",
    )
    every_parts: int | None = Field(default=None, ge=1, description="due again after so many inspected parts")
    every_h: float | None = Field(default=8, gt=0, le=24 * 31, description="due again after so many hours; null: never")
    grace_min: float = Field(default=30, ge=0, le=24 * 60, description="from due to overdue; none after a wrong answer")
    when_overdue: Literal["stop", "warn"] = Field(
        default="stop", description="`stop`: nothing but known parts is inspected; `warn`: the warning bit alone"
    )

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if set(self.parts.values()) == {"PASS"}:
            raise ValueError(
                "parts: one of them at least must be FAIL or REVIEW, or a station that passes all would do"
            )
        return self

    @property
    def known_parts(self) -> KnownParts:
        """The same, as the decision core takes it."""
        return KnownParts(
            expected={part_id: Outcome(answer) for part_id, answer in self.parts.items()},
            every_parts=self.every_parts,
            every_ms=None if self.every_h is None else self.every_h * 3_600_000,
            grace_ms=self.grace_min * 60_000,
            overdue_stops=self.when_overdue == "stop",
        )
