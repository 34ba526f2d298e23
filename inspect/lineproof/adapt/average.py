"""The moving average of the weights, which is what gets validated and exported."""

from __future__ import annotations

SPAN_SHARE = 0.1  # of the steps so far
_LONGEST_SPAN = 10_000  # as ultralytics


def share_of_the_past(updates: int) -> float:
    """How much of the average stays at a step: it spans the last tenth of the steps made so far.

    A span that grows with the run (Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion
    models", section 3) fits one of 100 steps and one of 100,000; the stock constants need 2,000 steps to begin.
    """
    return 1 - 1 / (1 + min(SPAN_SHARE * updates, _LONGEST_SPAN))
