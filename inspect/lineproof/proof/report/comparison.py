"""A comparison of two bundles as the facts of its page, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lineproof.proof.comparison import Comparison, Finding, PairedRate

_STYLE = {Finding.BETTER: "good", Finding.WORSE: "bad", Finding.NOT_SHOWN: ""}


@dataclass(frozen=True, slots=True)
class PairCard:
    """One part on which the two differ, as each saw it."""

    name: str
    words: str
    a: str  # data URL
    b: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything on the page that was not counted."""

    at: datetime
    by: str
    counted: str
    warnings: Sequence[str]
    cards: Sequence[PairCard]
    rests_on: Sequence[tuple[str, str]]


def comparison_facts(comparison: Comparison, about: Compared) -> dict[str, Any]:
    """What `comparison.html.j2` asks for."""
    rates = (comparison.escapes, comparison.overkill, comparison.wrong)
    return {
        "title": "Comparison of two bundles",
        "made_at": f"{about.at:%Y-%m-%d %H:%M} UTC, {about.by}",
        "sentence": sentence(comparison),
        "warnings": about.warnings,
        "counted": about.counted,
        "rows": [_row(rate) for rate in rates],
        "needed": [str(rate) for rate in rates if rate.of and rate.finding is Finding.NOT_SHOWN],
        "cards": about.cards,
        "disagreements": len(comparison.disagreements),
        "rests_on": about.rests_on,
    }


def sentence(comparison: Comparison) -> str:
    """What a new bundle B may do in the place of A: the gate it must pass."""
    escapes, overkill = comparison.escapes, comparison.overkill
    if Finding.WORSE in (escapes.finding, overkill.finding):
        worse = " and ".join(rate.name for rate in (escapes, overkill) if rate.finding is Finding.WORSE)
        return f"B must not take the place of A: worse on {worse}."
    better = " and ".join(rate.name for rate in (escapes, overkill) if rate.finding is Finding.BETTER)
    if better:
        return f"B is better on {better}, and worse on nothing that these parts show."
    return "These parts show no difference between A and B."


def passes(comparison: Comparison) -> bool:
    """Whether B may take A's place: it was shown to be worse on nothing."""
    return Finding.WORSE not in (comparison.escapes.finding, comparison.overkill.finding)


def _row(rate: PairedRate) -> dict[str, object]:
    low, high = rate.interval
    return {
        "name": rate.name,
        "of": rate.of,
        "both": rate.both,
        "only_a": rate.only_a,
        "only_b": rate.only_b,
        "difference": "–" if rate.difference is None else f"{rate.difference:+.1%}",
        "interval": f"{low:+.1%} – {high:+.1%}" if rate.of else "–",
        "p": f"{rate.p_value:.3g}" if rate.of else "–",
        "finding": rate.finding.value if rate.of else "no such parts",
        "style": _STYLE[rate.finding],
    }
