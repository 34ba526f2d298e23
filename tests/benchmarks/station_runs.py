"""The decision core against an oracle that shares no code with it: random lives of a station, counted.

python tests/benchmarks/station_runs.py --runs 10000 --steps 50 --out results/station_runs.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from machine import machine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from line.station.drive import live


def main() -> None:
    """Live, count, and say how sure zero violations make."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    started = time.perf_counter()
    answers: Counter[str] = Counter()
    violations: list[str] = []
    events = triggers = 0
    for seed in range(args.first_seed, args.first_seed + args.runs):
        watched = live(seed, args.steps)
        violations += [f"seed {seed}: {text}" for text in watched.violations]
        events += len(watched.log)
        triggers += len(watched.triggers)
        answers.update(outcome.value for trigger in watched.triggers.values() for outcome in trigger.answers)
    result = {
        "machine": machine(),
        "runs": args.runs,
        "steps": args.steps,
        "events": events,
        "triggers": triggers,
        "answers": dict(answers.most_common()),
        "violations": violations[:20],
        "illegal answers a trigger, upper 95 % bound": f"{3 / triggers:.1e}" if not violations else None,
        "seconds": round(time.perf_counter() - started, 1),
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "machine"}, indent=1))  # noqa: T201
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
