"""From process start to the first decision, in fresh processes: time, memory, and what was never imported.

python tests/benchmarks/cold_start.py BUNDLE IMAGE [--rounds 10] [--out results/NAME.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

NEVER = ("torch", "ultralytics", "albumentations", "timm", "scipy", "matplotlib")

DECIDE = """
import json, resource, sys, time
began = time.monotonic()
from pathlib import Path
from lineproof.cli.assemble import open_inspector
from lineproof.core import Frame
from lineproof.core.decode import read_image
from lineproof.rules.tolerance import Rules
imported = time.monotonic()
inspector, bundle = open_inspector(Path(sys.argv[1]), Rules())
ready = time.monotonic()
inspection = inspector.inspect(Frame(read_image(Path(sys.argv[2])), "p", "benchmark"))
decided = time.monotonic()
print(json.dumps({
    "import_s": imported - began, "ready_s": ready - imported, "decide_s": decided - ready, "decided_at": decided,
    "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "decision": inspection.decision,
    "loaded": [name for name in sys.argv[3:] if name in sys.modules]}))
"""

FLOOR = """
import json, resource, sys, time
import cv2, numpy, onnxruntime
options = onnxruntime.SessionOptions()
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx", options, providers=["CPUExecutionProvider"])
source = session.get_inputs()[0]
image = cv2.resize(cv2.imread(sys.argv[2]), (source.shape[2], source.shape[1]))
session.run(None, {source.name: image[None]})
print(json.dumps({"decided_at": time.monotonic(), "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def once(code: str, *args: str) -> dict[str, float]:
    """One fresh process; seconds from its start to its decision."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    return facts | {"first_decision_s": facts.pop("decided_at") - started}


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Median of every number."""
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float)]
    return {name: round(statistics.median(row[name] for row in rows), 4) for name in numbers}


def main() -> None:
    """Interleave lineproof and the bare floor, print and keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("image")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    ours, floor = [], []
    for _ in range(asked.rounds + 1):  # the first fills the page cache
        ours.append(once(DECIDE, asked.bundle, asked.image, *NEVER))
        floor.append(once(FLOOR, asked.bundle, asked.image))
    ours, floor = ours[1:], floor[1:]
    result = {
        "what": "process start to first decision, medians of fresh processes",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {processor()}, Python {platform.python_version()}",
        "load_average": os.getloadavg()[0],
        "rounds": asked.rounds,
        "lineproof": medians(ours),
        "bare_onnxruntime_and_cv2": medians(floor),
        "ratio_time": round(
            statistics.median(a["first_decision_s"] / b["first_decision_s"] for a, b in zip(ours, floor, strict=True)),
            3,
        ),
        "never_imported": list(NEVER),
        "imported_all_the_same": sorted({name for row in ours for name in row["loaded"]}),
    }
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n")


def processor() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
