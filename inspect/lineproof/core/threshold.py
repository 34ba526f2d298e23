"""The operating point of one class."""

from __future__ import annotations

from typing import NamedTuple


class Threshold(NamedTuple):
    """Sure from `score` on; from `review_score` up to it a person must look. Equal numbers: no review band."""

    score: float
    review_score: float
