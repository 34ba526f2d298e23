"""What each item of a recipe is worth: the recipe without it, trained on the same parts with the same seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table

from lineproof.adapt.ladder.ladder import Comparison, Row
from lineproof.adapt.ladder.ranking import Difference, difference
from lineproof.adapt.ladder.report import difference_facts, standing_facts
from lineproof.adapt.ladder.variants import REFERENCE
from lineproof.adapt.ladder.wording import amount
from lineproof.errors import GateError

Verdict = Literal["helps", "does not help", "cannot be told"]


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """One variant beside the recipe as it is."""

    row: Row
    change: Difference | None  # variant minus reference; None where the variant was not trained
    verdict: Verdict | None


def effects(comparison: Comparison) -> tuple[Row, list[Effect]]:
    """The reference and the effect of each change, in the order of the plan's candidates as ranked.

    Raises:
        GateError: the recipe as it is could not be trained.
    """
    reference = next(row for row in comparison.rows if row.candidate.variant == REFERENCE)
    if reference.standing is None:
        raise GateError(f"the recipe as it is could not be trained: {reference.reason}")
    found = []
    for row in comparison.rows:
        if row is reference:
            continue
        change = None if row.standing is None else difference(row.standing, reference.standing)
        found.append(Effect(row, change, None if change is None else verdict(change, comparison.criterion.low_is_good)))
    return reference, found


def verdict(change: Difference, low_is_good: bool) -> Verdict:  # noqa: FBT001 (a fact of the criterion)
    """Of what the variant left out or changed: it helps when the recipe is worse without it."""
    if not change.told:
        return "cannot be told"
    worse = change.mean > 0 if low_is_good else change.mean < 0
    return "helps" if worse else "does not help"


def ablation_table(comparison: Comparison) -> Table:
    """One line a variant."""
    reference, rows = effects(comparison)
    name = comparison.criterion.name
    if reference.standing is None:
        raise GateError("the recipe as it is was not trained")
    title = f"{name} on validation; as it is: {amount(comparison, reference.standing.mean)}"
    table = Table(title=title, title_justify="left")
    for column in ("change", name, "difference", "± (parts and seeds)", "what it was"):
        table.add_column(column, justify="left" if column in ("change", "what it was") else "right")
    for effect in rows:
        standing, change = effect.row.standing, effect.change
        table.add_row(
            effect.row.candidate.variant,
            "–" if standing is None else amount(comparison, standing.mean),
            "–" if change is None else f"{change.mean:+.3g}",
            "–" if change is None else f"{change.error:.2g}",
            effect.verdict or effect.row.reason,
            style="dim" if effect.verdict in (None, "cannot be told") else None,
        )
    return table


def ablation_facts(comparison: Comparison) -> dict[str, Any]:
    """For JSON."""
    reference, rows = effects(comparison)
    return {
        "ranked_by": comparison.criterion.name,
        "reference": standing_facts(reference.standing),
        "changes": [
            {
                "change": effect.row.candidate.variant,
                "validation": standing_facts(effect.row.standing),
                "difference": difference_facts(effect.change),
                "verdict": effect.verdict,
                "reason": effect.row.reason,
            }
            for effect in rows
        ],
        "seconds": {"trials": round(comparison.spent_s, 1), "this_sitting": round(comparison.wall_s, 1)},
    }
