"""The list of suspects on disk: a CSV for a spreadsheet, a JSON for scripts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lineproof.atomic import write_text
from lineproof.data.dataset import Dataset
from lineproof.data.suspects.suspect import Suspect

COLUMNS = ("rank", "image", "split", "box", "kind", "given", "suggested", "suspicion", "x1", "y1", "x2", "y2", "reason")


def rows_of(dataset: Dataset, suspects: Sequence[Suspect]) -> list[dict[str, object]]:
    """One row a suspect, ranks from 1; `box` counts the image's annotations from 1, 0 where one is missing."""
    return [
        {
            "rank": rank,
            "image": dataset.name_of(suspect.sample),
            "split": suspect.sample.split,
            "box": suspect.row + 1,
            "kind": suspect.kind,
            "given": suspect.given,
            "suggested": suspect.suggested,
            "suspicion": round(suspect.suspicion, 4),
            **{side: round(value, 1) for side, value in zip(("x1", "y1", "x2", "y2"), suspect.xyxy, strict=True)},
            "reason": suspect.reason,
        }
        for rank, suspect in enumerate(suspects, 1)
    ]


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """With a header, also when there is no suspect."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def counts_of(suspects: Sequence[Suspect]) -> dict[str, int]:
    """How many of each kind, most first."""
    return dict(Counter(suspect.kind for suspect in suspects).most_common())
