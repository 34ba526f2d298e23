"""How many of a part's views must reject it: one rule for the line and for the proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lineproof.core import Decision

Fusion = Literal["any", "all"] | int  # a part is rejected when any, all, or so many of its views reject it


def needed(fusion: Fusion, views: int) -> int:
    """How many of a part's views must reject it."""
    return 1 if fusion == "any" else views if fusion == "all" else min(fusion, views)


def fused(decisions: Sequence[Decision], fusion: Fusion) -> Decision:
    """The part's decision from one of each view; a FAULT of any view is the part's, under every rule.

    What nobody looked at cannot be good.
    """
    if Decision.FAULT in decisions:
        return Decision.FAULT
    wanted = needed(fusion, len(decisions))
    failed = decisions.count(Decision.FAIL)
    if failed >= wanted:
        return Decision.FAIL
    return Decision.REVIEW if failed + decisions.count(Decision.REVIEW) >= wanted else Decision.PASS


def in_words(fusion: Fusion) -> str:
    """As people say it."""
    return {"any": "any view", "all": "all views", 1: "any view"}.get(fusion, f"{fusion} views")
