"""The `store` section of a wire: what may wait while its other end is away."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from lineproof.settings import StrictModel


class StoreSettings(StrictModel):
    """Beyond either bound the oldest states are dropped first, then the oldest results; every drop is counted."""

    folder: Path | None = Field(
        default=None, description="results wait here over a restart; one wire per folder; default: in memory alone"
    )
    messages: int = Field(
        default=10_000, ge=100, le=1_000_000, description="that may wait; a result takes about 0.7 kB"
    )
    megabytes: int = Field(default=32, ge=1, le=1024, description="that may wait, in MB")
