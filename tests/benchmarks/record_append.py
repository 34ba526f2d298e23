"""What the chain costs the writer for one row: chained appends beside the same rows inserted without it, in turn.

Both write to a fresh SQLite database with a flush per commit; rows come one by one, as on a slow line, and 64 at a time. The
extra time is CPU time of the writer's thread: the chain adds no flush. Alone on the machine, please.

python tests/benchmarks/record_append.py [--folder /dev/shm] [--out results/NAME.json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.dialects import sqlite

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import machine

from builders import detections, inspection
from lineproof.core import Decision, Inspection, Reason, Verdict
from lineproof.records.database import database_url, open_engine
from lineproof.records.head_file import HeadFile
from lineproof.records.model import InspectionRow
from lineproof.records.rows import row_of
from lineproof.records.store import Store

FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: score 0.90 ≥ 0.50", 0),))
FOUND = detections(*[(1, 2, 30, 40, 0.9, 0)] * 5)
WARM = 30  # appends that are not counted

Append = Callable[[list[dict[str, object]]], None]


def unchained(engine: Engine, rows: list[dict[str, object]]) -> None:
    """As rows were written before there was a chain."""
    with engine.begin() as connection:
        connection.execute(sqlite.insert(InspectionRow).on_conflict_do_nothing(index_elements=["inspection_id"]), rows)


def chained(store: Store, head_file: HeadFile, rows: list[dict[str, object]]) -> None:
    """As the writer does: the head moves in the same transaction, and is kept beside the database."""
    store.insert(rows)
    head_file.write(store.head)


def appended(append: Append, parts: list[Inspection]) -> tuple[float, float]:
    """CPU and wall time in µs for a row, its columns and checksum included."""
    cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
    append([row_of(part, "b" * 36, None, "") for part in parts])
    return (time.thread_time_ns() - cpu) / 1e3 / len(parts), (time.perf_counter_ns() - wall) / 1e3 / len(parts)


def measure(folder: Path, at_once: int, appends: int) -> dict[str, object]:
    """Percentiles of both ways, and what the chain adds to each."""
    engines = [open_engine(database_url(folder / name, None)) for name in ("chained", "unchained")]
    for engine in engines:
        Path(str(engine.url.database)).parent.mkdir()
    store = Store(engines[0])
    Store(engines[1])
    head_file = HeadFile(folder, store.head.database_id)
    ways: dict[str, Append] = {
        "chained": partial(chained, store, head_file),
        "unchained": partial(unchained, engines[1]),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(appends + WARM):
        for name, append in ways.items():
            parts = [inspection("p", FAIL, detections=FOUND) for _ in range(at_once)]
            times[name].append(appended(append, parts))
    head_file.close()
    for engine in engines:
        engine.dispose()
    table = {name: np.array(found[WARM:]) for name, found in times.items()}
    row: dict[str, object] = {"rows_at_once": at_once, "appends": appends}
    for column, what in enumerate(("cpu_us", "wall_us")):
        spreads = {name: np.percentile(found[:, column], (50, 99)) for name, found in table.items()}
        row |= {f"{name}_{what}": spread.round(1).tolist() for name, spread in spreads.items()}
        row[f"added_{what}"] = (spreads["chained"] - spreads["unchained"]).round(1).tolist()
    return row


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the databases lie; default: a temporary folder")
    parser.add_argument("--appends", type=int, default=2_000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    facts = {"what": "µs for a row in the writer, [p50, p99], chained and not", **machine()}
    rows = []
    for at_once in (1, 64):
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            rows.append(measure(Path(name), at_once, max(200, asked.appends // at_once)))
    text = json.dumps(facts | {"folder": str(asked.folder or "temporary"), "rows": rows}, indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
