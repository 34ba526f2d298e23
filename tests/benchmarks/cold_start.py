"""From process start to the first decision, in fresh processes: time by part, CPU time and memory, beside others.

The floor is bare onnxruntime + OpenCV on the same model: imports, session, one run. Rounds are interleaved, ratios are
medians over the rounds. Python keeps its bytecode in a folder of this run, filled by an unmeasured first round, as pip
and the container images leave it; `--no-bytecode` measures an installation without.

python tests/benchmarks/cold_start.py BUNDLE IMAGE [--stock STOCK.onnx] [--weights BEST.pt] [--out results/NAME.json]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from machine import machine

CHILD = Path(__file__).resolve().parent / "cold_start_child.py"
QUIET = {"YOLO_AUTOINSTALL": "False", "YOLO_OFFLINE": "1", "YOLO_VERBOSE": "False"}
VERB = [sys.executable, "-m", "lineproof"]
GIVE_UP_S = 60.0

Row = dict[str, float]


def decide(contender: str, model: Path, image: Path, env: dict[str, str]) -> Row:
    """One fresh process to its first decision."""
    started = time.monotonic()
    out, usage, _ = _finished([sys.executable, str(CHILD), contender, str(model), str(image)], env)
    facts = json.loads(out.splitlines()[-1])
    unwanted = facts["unwanted"] if contender == "lineproof" else []
    if unwanted:
        raise SystemExit(f"imported all the same: {', '.join(unwanted)}")
    parts = {f"{name}_ms": 1e3 * seconds for name, seconds in facts["parts_s"].items()}
    return {"first_decision_s": facts["decided_at"] - started, "rss_mib": facts["rss_mib"], **usage, **parts}


def verb(args: list[str], env: dict[str, str]) -> Row:
    """A whole verb, from start to exit."""
    _, usage, wall_s = _finished([*VERB, *args], env)
    return {"exit_s": wall_s, **usage}


def serve(bundle: Path, env: dict[str, str]) -> Row:
    """`lineproof serve` to its first `live` and its first `ready`, asked every 5 ms."""
    started = time.monotonic()
    args = [*VERB, "serve", str(bundle), "--port", "0"]
    with subprocess.Popen(args, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"http://[\d.:]+", line)
        if address is None:
            raise SystemExit(f"serve did not start: {line}{process.stderr.read()}")
        live_s = _until(f"{address[0]}/v1/health/live") - started
        ready_s = _until(f"{address[0]}/v1/health/ready") - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.stderr.read()
    rss, peak = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
    return {"live_s": live_s, "ready_s": ready_s, "rss_mib": rss, "peak_rss_mib": peak}


def _until(url: str) -> float:
    """The moment it answers 200."""
    give_up = time.monotonic() + GIVE_UP_S
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return time.monotonic()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise SystemExit(f"{url} did not answer 200 within {GIVE_UP_S:g} s")


def _finished(args: list[str], env: dict[str, str]) -> tuple[str, Row, float]:
    """Output, CPU seconds and peak memory of a process that ran to its end, and how long that took."""
    started = time.monotonic()
    with subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, errors = process.stdout.read(), process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(args)}: {errors[-2000:]}")
    usage = {"cpu_s": used.ru_utime + used.ru_stime, "peak_rss_mib": used.ru_maxrss / 1024}
    return out, usage, time.monotonic() - started


def contenders(asked: argparse.Namespace, env: dict[str, str]) -> dict[str, Callable[[], Row]]:
    """Name → one more fresh process of it."""
    bundle, image = asked.bundle, asked.image
    named: dict[str, Callable[[], Row]] = {
        "floor": partial(decide, "floor", bundle, image, env),
        "lineproof": partial(decide, "lineproof", bundle, image, env),
        "lineproof inspect": partial(verb, ["inspect", str(bundle), str(image)], env),
        "lineproof serve": partial(serve, bundle, env),
        "lineproof --help": partial(verb, ["--help"], env),
    }
    if asked.stock is not None:
        named["floor, stock export"] = partial(decide, "floor", asked.stock, image, env)
        named["ultralytics, stock export"] = partial(decide, "ultralytics", asked.stock, image, env)
    if asked.weights is not None:
        named["ultralytics, torch"] = partial(decide, "ultralytics", asked.weights, image, env)
    return named


def medians(rows: list[Row]) -> Row:
    """Median of every number; milliseconds and mebibytes to one place."""
    return {
        name: round(statistics.median(row[name] for row in rows), 1 if name.endswith(("_ms", "_mib")) else 3)
        for name in rows[0]
    }


def ratios(rows: list[Row], floor: list[Row]) -> Row:
    """Medians over the rounds of each figure the floor has, too."""
    shared = [name for name in ("first_decision_s", "cpu_s", "rss_mib", "peak_rss_mib") if name in rows[0]]
    return {
        name: round(statistics.median(a[name] / b[name] for a, b in zip(rows, floor, strict=True)), 3)
        for name in shared
    }


def measure(asked: argparse.Namespace) -> dict[str, object]:
    """All contenders in turn, as often as asked, after one round that fills caches."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | QUIET | {"YOLO_CONFIG_DIR": folder, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        if asked.no_bytecode:
            env["PYTHONDONTWRITEBYTECODE"] = "1"
        named = contenders(asked, env)
        rounds = [{name: run() for name, run in named.items()} for _ in range(asked.rounds + 1)][1:]
    rows = {name: [turn[name] for turn in rounds] for name in named}
    return {
        "what": "process start to first decision, medians of fresh processes",
        **machine(),
        "rounds": asked.rounds,
        "bytecode": not asked.no_bytecode,
        "bundle": asked.bundle.name,
        "probes": len(list(asked.bundle.glob("probes/*.png"))),
        "rows": {name: medians(found) for name, found in rows.items()},
        "over_the_floor": {name: ratios(found, rows["floor"]) for name, found in rows.items() if name != "floor"},
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--stock", type=Path, help="ultralytics' own ONNX export of the same network")
    parser.add_argument("--weights", type=Path, help="torch weights of the same network")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--no-bytecode", action="store_true", help="as if every module had to be compiled")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    text = json.dumps(measure(asked), indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
