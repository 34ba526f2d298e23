"""What a customer requires of a bundle before it may decide, and whether it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lineproof.settings import StrictModel

Share = Annotated[float, Field(gt=0, lt=1)]


class RateLimit(StrictModel):
    """A rate that must be shown to lie below a limit."""

    at_most: Share = Field(description="of the bad parts (escape) or the good ones (overkill)")
    confidence: Share = Field(default=0.95, description="of the one-sided bound")


class SizeLimit(StrictModel):
    """The size from which defects must be found: the a90/95 of their probability of detection."""

    at_most: float = Field(gt=0, description="side of a square of the defect's area")
    unit: Literal["mm", "px"] = Field(default="px", description="mm needs the line's scale")
    classes: tuple[str, ...] = Field(default=(), description="each of them; default: all defects together")


class AgreementLimit(StrictModel):
    """What an attribute study with people must show of the machine."""

    effectiveness: Share = Field(default=0.9, description="at least; AIAG's `acceptable` begins at 0.9")
    kappa: Share = Field(default=0.75, description="at least, against the reference")


class Requirements(StrictModel):
    """A file of `configs/acceptance`; what is not named is not required."""

    escape: RateLimit | None = Field(default=None, description="bad parts that pass")
    overkill: RateLimit | None = Field(default=None, description="good parts that do not pass")
    review: Share | None = Field(default=None, description="parts sent to a person, at most; as observed")
    detects: SizeLimit | None = Field(default=None, description="down to which size defects are found")
    agreement: AgreementLimit | None = Field(default=None, description="needs --study")
    latency_p99_ms: float | None = Field(default=None, gt=0, description="image to decision on this machine")
    looks: int | None = Field(default=None, ge=1, description="the test parts were opened at most so often")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("requires nothing: name at least one of escape, overkill, review, detects, …")
        return self


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof has to set against requirements; None: not shown."""

    escape_upper: dict[float, float | None]  # by confidence
    overkill_upper: dict[float, float | None]
    review: float | None
    a90_95: dict[str, float | None]  # by class; "" is all defects together
    unit: Literal["mm", "px"]
    effectiveness: float | None
    kappa: float | None
    latency_p99_ms: float
    looks: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One requirement beside what was shown."""

    claim: str
    shown: str
    met: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"claim": self.claim, "shown": self.shown, "met": self.met}

    def __str__(self) -> str:
        """One line."""
        return f"{'met    ' if self.met else 'NOT MET'}  {self.claim}: {self.shown}"


def confidences(requirements: Requirements | None) -> set[float]:
    """The confidences whose bounds are asked for."""
    limits = () if requirements is None else (requirements.escape, requirements.overkill)
    return {limit.confidence for limit in limits if limit is not None}


def answer(requirements: Requirements, shown: Shown) -> tuple[Answer, ...]:
    """One answer for each requirement; what was not shown is not met."""
    answers: list[Answer] = []
    for name, limit, upper in (
        ("escape", requirements.escape, shown.escape_upper),
        ("overkill", requirements.overkill, shown.overkill_upper),
    ):
        if limit is not None:
            answers.append(_rate(name, limit, upper[limit.confidence]))
    if requirements.review is not None:
        answers.append(_most("sent to a person", requirements.review, shown.review, "{:.2%}", "no part was inspected"))
    if requirements.detects is not None:
        answers += _sizes(requirements.detects, shown)
    if requirements.agreement is not None:
        answers.append(_least("effectiveness", requirements.agreement.effectiveness, shown.effectiveness))
        answers.append(_least("kappa against the reference", requirements.agreement.kappa, shown.kappa))
    if requirements.latency_p99_ms is not None:
        answers.append(_most("p99 latency", requirements.latency_p99_ms, shown.latency_p99_ms, "{:.1f} ms", ""))
    if requirements.looks is not None:
        answers.append(_most("test parts opened", requirements.looks, shown.looks, "{:.0f} times", ""))
    return tuple(answers)


def _rate(name: str, limit: RateLimit, upper: float | None) -> Answer:
    claim = f"{name} ≤ {limit.at_most:.3g} with {100 * limit.confidence:g} % confidence"
    if upper is None:
        return Answer(claim, "cannot be estimated: no such part", met=False)
    return Answer(claim, f"bound {upper:.2%}", met=upper <= limit.at_most)


def _sizes(limit: SizeLimit, shown: Shown) -> list[Answer]:
    answers = []
    for name in limit.classes or ("",):
        claim = f"{name or 'all defects'}: a90/95 ≤ {limit.at_most:g} {limit.unit}"
        size = shown.a90_95.get(name)
        if limit.unit != shown.unit:
            answers.append(Answer(claim, f"sizes are known in {shown.unit} only: give --mm-per-px", met=False))
        elif size is None:
            answers.append(Answer(claim, "not demonstrated", met=False))
        else:
            answers.append(Answer(claim, f"{size:.3g} {shown.unit}", met=size <= limit.at_most))
    return answers


def _most(name: str, limit: float, value: float | None, form: str, missing: str) -> Answer:
    claim = f"{name} ≤ {form.format(limit)}"
    if value is None:
        return Answer(claim, missing, met=False)
    return Answer(claim, form.format(value), met=value <= limit)


def _least(name: str, limit: float, value: float | None) -> Answer:
    claim = f"{name} ≥ {limit:.2f}"
    if value is None:
        return Answer(claim, "no study given: --study", met=False)
    return Answer(claim, f"{value:.2f}", met=value >= limit)
