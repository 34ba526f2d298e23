"""How problems are told: counted, the first few by name, on one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN = 5


def some(names: Iterable[object]) -> str:
    """`a, b, c, d, e and 12 more`."""
    items = [str(name) for name in names]
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def count(number: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}es" if noun.endswith(("s", "x")) else f"{number} {noun}s"


def near(name: str, known: Sequence[str]) -> str:
    """`, did you mean 'scratch'?`, or nothing."""
    folded = {other.casefold(): other for other in known}
    match = get_close_matches(name.casefold(), list(folded), n=1)
    return f", did you mean {folded[match[0]]!r}?" if match else ""
