"""The adaptation ladder on real data: what halving saves, and whether it leaves the same candidate standing.

Each way is a `lineproof compare` of its own, in a folder of its own below `--work`; called again, finished trials are
not trained again, so a run that was cut off goes on.

    halved    successive halving, trials side by side in processes
    full      every candidate in full: what the saving is measured against, not only estimated (--full)
    ray       the halved comparison once more, as tasks of a Ray on this machine (--ray)

python tests/benchmarks/ladder.py DATA --work runs/ladder [--full] [--ray] [--out results/NAME.json] [-- compare's options]

On the magnetic tiles, six candidates:

    python tests/benchmarks/ladder.py data/tiles --work runs/ladder --full --ray --out tests/benchmarks/results/ladder.json \\
        -- --rungs heads,staged,full --bases yolov8n --imgsz 224,320 --seeds 0,1 --cost-escape 200 --cost-overkill 5 --prior 0.02
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import machine

VERB = [sys.executable, "-m", "lineproof", "compare"]


def compare(data: Path, out: Path, options: list[str]) -> dict[str, Any]:
    """One comparison; its lines go on to the terminal."""
    started = time.monotonic()
    done = subprocess.run(
        [*VERB, str(data), "--out", str(out), *options, "--json"], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise SystemExit(f"{out.name}: exit code {done.returncode}")
    return json.loads(done.stdout) | {"wall_s": round(time.monotonic() - started, 1)}


def row(facts: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a comparison; `wall_s` is of this sitting, the trials' seconds of all."""
    keep = ("key", "fate", "reason", "schedule", "validation", "test", "behind_best", "latency_ms")
    return {
        "ranked_by": facts["ranked_by"],
        "recommended": facts["recommended"],
        "seconds": facts["seconds"] | {"wall": facts["wall_s"]},
        "candidates": [{name: candidate[name] for name in keep} for candidate in facts["candidates"]],
        "says": facts["says"],
    }


def agreement(halved: dict[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    """Where the winner of halving stands among all trained in full, and the saving as measured."""
    winner = next(c for c in full["candidates"] if c["key"] == halved["recommended"])
    behind = winner["behind_best"]
    spent, whole = (facts["seconds"]["trials"] for facts in (halved, full))
    return {
        "same_winner": halved["recommended"] == full["recommended"],
        "winner_behind_best_in_full": behind,
        "saved_share_estimated": halved["seconds"]["saved_share"],
        "saved_share_measured": round(1 - spent / whole, 3),
    }


def main() -> None:
    """Run the ways asked for and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of the comparisons")
    parser.add_argument("--full", action="store_true", help="also every candidate in full")
    parser.add_argument("--ray", action="store_true", help="also through Ray on this machine")
    parser.add_argument("--out", type=Path, help="figures as JSON")
    known, options = parser.parse_known_args()
    options = [option for option in options if option != "--"]
    found: dict[str, Any] = {"machine": machine(), "data": known.data.name, "options": options}
    found["halved"] = row(compare(known.data, known.work / "halved", options))
    if known.full:
        found["full"] = row(compare(known.data, known.work / "full", [*options, "--no-halving"]))
        found["agreement"] = agreement(found["halved"], found["full"])
    if known.ray:
        found["ray"] = row(compare(known.data, known.work / "ray", [*options, "--on", "ray"]))
        same = [c["key"] for c in found["ray"]["candidates"]] == [c["key"] for c in found["halved"]["candidates"]]
        found["ray"]["same_order_as_processes"] = same
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if known.out:
        known.out.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
