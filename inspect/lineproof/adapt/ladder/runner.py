"""What a comparison needs of whoever runs its trials, and whom it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.figures import TrialResult


class Show(Protocol):
    """Told what happens; called from several threads."""

    def started(self, key: str, label: str) -> None:
        """A trial begins."""

    def moved(self, key: str, event: dict[str, object]) -> None:
        """`done` of `epochs`, with `text` after an epoch; or a remark, `say`."""

    def ended(self, key: str, result: TrialResult) -> None:
        """A trial is over."""

    def say(self, text: str) -> None:
        """A line about the whole."""


class Runner(Protocol):
    """Runs trials: in processes here, or as Ray tasks."""

    workers: int  # trials at once

    def run(self, specs: Sequence[TrialSpec], show: Show, until_s: float | None = None) -> list[TrialResult]:
        """Results in the order of the specs; a trial that fails is a result too; none starts past `until_s`."""
