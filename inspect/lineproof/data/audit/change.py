"""What mending did."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.data.audit.finding import Code


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done, and to what."""

    code: Code
    done: str
    image: str = ""
    record: str = ""
