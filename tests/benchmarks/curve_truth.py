"""What a learning curve foretells from small subsets, beside what training on more images then gives.

`lineproof curve` twice in one folder: up to the largest but one size, with a prediction for the largest; then with the
largest size trained as well. Called again, finished runs are not trained again.

    python tests/benchmarks/curve_truth.py DATA --work runs/curve --sizes 25,50,100,200,400 --out results/curve.json \\
        -- --split test --recipe RECIPE --base yolov8n
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import machine

VERB = [sys.executable, "-m", "lineproof", "curve"]


def study(data: Path, work: Path, sizes: list[int], predict: int, options: list[str]) -> dict[str, Any]:
    """One call of the verb; its lines go on to the terminal."""
    asked = ["--sizes", ",".join(map(str, sizes)), "--predict", str(predict)]
    command = [*VERB, str(data), "--out", str(work), *asked, *options, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


def beside(foretold: dict[str, Any], runs: list[float]) -> dict[str, Any]:
    """A prediction and the runs that answer it."""
    inside = sum(foretold["low"] <= value <= foretold["high"] for value in runs)
    return {
        "foretold": foretold,
        "runs": [round(value, 4) for value in runs],
        "mean": round(statistics.mean(runs), 4),
        "inside": f"{inside} of {len(runs)}",
    }


def main() -> None:
    """Foretell, train, compare."""
    own = sys.argv[1:]
    options = own[own.index("--") + 1 :] if "--" in own else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sizes", default="25,50,100,200,400", help="the last one is foretold")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(own[: own.index("--")] if "--" in own else own)
    *small, largest = (int(size) for size in args.sizes.split(","))
    before = study(args.data, args.work, small, largest, options)
    after = study(args.data, args.work, [*small, largest], 2 * largest, options)
    runs = [run for run in after["runs"] if run["images"] == largest]
    foretold = before["curve"]["predictions"][0]
    result = {
        "machine": machine(),
        "data": args.data.name,
        "options": [option for option in options if "/" not in option],
        "held_out": before["held_out"],
        "confidence": before["confidence"],
        "said": before["advice"],
        "all classes": beside(foretold, [run["value"] for run in runs]),
        "classes": {
            name: beside(told["predictions"][0], [run["per_class"][name] for run in runs])
            for name, told in before["classes"].items()
            if told["fitted"]
        },
        "measured": [{key: run[key] for key in ("images", "seed", "value", "seconds")} for run in after["runs"]],
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: result[key] for key in ("said", "all classes")}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
