"""Age of a frame when it is decided: lineproof's loop beside the loops people write, on a virtual 1080p camera.

Every loop is a process of its own, up for the whole run and idle while others are measured; rounds are interleaved.
Age = moment of the decision − exposure, both by the monotonic clock. A line passes when the 99th percentile is no more
than one frame interval + 1.2 × the engine's time (the median of preprocess + run + postprocess in the same run).

python tests/benchmarks/camera_loop.py --pair BUNDLE STOCK.onnx [--pair …] --out results/NAME.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOPS = ("lineproof", "naive", "ultralytics-predict", "ultralytics-stream")
SCREEN = "lineproof-screen"  # with the live table of a terminal; only when asked for
ENGINE_SHARE = 1.2
QUIET = {"YOLO_AUTOINSTALL": "False", "YOLO_OFFLINE": "1", "YOLO_VERBOSE": "False"}


class Child:
    """One loop's process."""

    def __init__(self, loop: str, model: Path, size: int, asked: argparse.Namespace, folder: Path) -> None:
        self.loop = loop
        python = sys.executable if loop in {"lineproof", SCREEN, "naive"} else asked.peer_python
        self._log = folder / f"{loop}_{size}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    python,
                    str(HERE / "camera_child.py"),
                    *(loop, str(model), str(size), str(asked.images.resolve()), asked.provider),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=os.environ | QUIET | {"YOLO_CONFIG_DIR": str(folder)},
            )
        self.line()  # ready

    def measure(self, fps: float, seconds: float) -> dict:
        """One run, or why there was none."""
        try:
            self._process.stdin.write(json.dumps({"fps": fps, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
            return self.line()
        except (OSError, RuntimeError) as why:
            return {"error": str(why)}

    def line(self) -> dict:
        """What it answers; raises RuntimeError when it has died."""
        while (line := self._process.stdout.readline()) and not line.startswith("{"):
            continue  # ultralytics talks on stdout
        if not line:
            words = self._log.read_text(errors="replace").strip().splitlines() or ["no word"]
            raise RuntimeError(words[-1][:300])
        return json.loads(line)

    def stop(self) -> None:
        """End it."""
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except OSError:  # it has died before
            self._process.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()


def measure_pair(bundle: Path, stock: Path, asked: argparse.Namespace, folder: Path) -> dict[str, object]:
    """All loops at all rates with one model."""
    size = longer_side(stock)
    children, not_run = start_all(bundle, stock, size, asked, folder)
    runs: dict[tuple[str, float], list[dict]] = {}
    try:
        for turn in range(asked.rounds):
            for fps in asked.fps:
                for place in range(len(children)):
                    child = children[(place + turn) % len(children)]
                    runs.setdefault((child.loop, fps), []).append(child.measure(fps, asked.seconds))
            say(f"{size}: round {turn + 1} of {asked.rounds}")
    finally:
        for child in children:
            child.stop()
    rows = [summary(loop, fps, found) for (loop, fps), found in runs.items()]
    return {"size": size, "bundle": bundle.name, "stock": stock.name, "rows": rows, "not_run": not_run}


def start_all(
    bundle: Path, stock: Path, size: int, asked: argparse.Namespace, folder: Path
) -> tuple[list[Child], dict[str, str]]:
    """Every loop that can be had, and why the others cannot."""
    children, not_run = [], {}
    for loop in (*LOOPS, SCREEN) if asked.screen else LOOPS:
        if asked.only not in loop:
            continue
        model = (bundle if loop.startswith("lineproof") else stock).resolve()
        if needs_ultralytics(loop, asked.peer_python):
            not_run[loop] = "ultralytics is not installed; name a Python that has it with --peer-python"
            continue
        try:
            children.append(Child(loop, model, size, asked, folder))
        except RuntimeError as why:
            not_run[loop] = str(why)
            say(f"{size}: {loop}: not run: {why}")
    return children, not_run


def needs_ultralytics(loop: str, python: str) -> bool:
    """Whether the loop cannot run for want of it."""
    return (
        loop.startswith("ultralytics") and python == sys.executable and importlib.util.find_spec("ultralytics") is None
    )


def summary(loop: str, fps: float, runs: list[dict]) -> dict[str, object]:
    """One loop at one rate: percentiles over all rounds together, the rest per second."""
    good = [run for run in runs if "error" not in run]
    ages = [age for run in good for age in run["ages_ms"]]
    if len(ages) < 2:
        return {
            "loop": loop,
            "fps": fps,
            "not_run": next((run["error"] for run in runs if "error" in run), "no decisions"),
        }
    seconds = sum(run["seconds"] for run in good)
    engine_ms = statistics.median(ms for run in good for ms in run["engine_ms"])
    allowed_ms = 1000 / fps + ENGINE_SHARE * engine_ms
    age_p50, age_p99 = percentiles(ages)
    parts: dict[str, list[float]] = {}
    for run in good:
        for name, values in run["parts_ms"].items():
            parts.setdefault(name, []).extend(values)
    return {
        "loop": loop,
        "fps": fps,
        "age_p50_ms": age_p50,
        "age_p99_ms": age_p99,
        "age_max_ms": max(ages),
        "age_p99_ms_by_round": [percentiles(run["ages_ms"])[1] for run in good],
        "engine_p50_ms": round(engine_ms, 2),
        "allowed_p99_ms": round(allowed_ms, 2),
        "passed": age_p99 <= allowed_ms,
        "decisions": len(ages),
        "decisions_per_s": round(len(ages) / seconds, 2),
        "exposed": sum(run["exposed"] for run in good),
        "driver_drops": sum(run["driver_drops"] for run in good),
        "not_decided": sum(run["undecided"] for run in good),
        "blank": sum(run["blank"] for run in good),
        "cores": round(sum(run["cores"] * run["seconds"] for run in good) / seconds, 2),
        "camera_cores": round(sum(run["camera_cores"] * run["seconds"] for run in good) / seconds, 3),
        "parts_p50_p99_ms": {name: percentiles(values) for name, values in parts.items()},
    }


def place_of(loop: str) -> int:
    """In tables and plots."""
    return (*LOOPS, SCREEN).index(loop)


def percentiles(values: list[float]) -> tuple[float, float]:
    """50th and 99th."""
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return round(cuts[49], 2), round(cuts[98], 2)


def table(result: dict) -> str:
    """For people."""
    lines = [
        f"\n{result['size']} px            fps   age p50 / p99 (allowed)    decisions/s  driver drops  not decided  cores"
    ]
    for row in sorted(result["rows"], key=lambda row: (row["fps"], place_of(row["loop"]))):
        if "not_run" in row:
            lines.append(f"{row['loop']:<20} {row['fps']:>4g}   not run: {row['not_run']}")
            continue
        ages = f"{row['age_p50_ms']:.1f} / {row['age_p99_ms']:.1f} ({row['allowed_p99_ms']:.1f} {'yes' if row['passed'] else 'NO'})"
        lines.append(
            f"{row['loop']:<20} {row['fps']:>4g}   {ages:<28} {row['decisions_per_s']:>8.1f}  {row['driver_drops']:>10}"
            f"  {row['not_decided']:>11}  {row['cores']:>6.2f}"
        )
    lines += [f"{name:<20} not run: {why}" for name, why in result["not_run"].items()]
    return "\n".join(lines)


def draw(results: list[dict], path: Path) -> None:
    """Age p50 as a bar, p99 as a whisker, one panel a size and rate."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rates = sorted({row["fps"] for result in results for row in result["rows"]})
    figure, panels = plt.subplots(
        len(results), len(rates), figsize=(3.6 * len(rates), 2.6 * len(results)), squeeze=False
    )
    for result, line in zip(results, panels, strict=True):
        for fps, panel in zip(rates, line, strict=True):
            rows = [row for row in result["rows"] if row["fps"] == fps and "not_run" not in row]
            rows.sort(key=lambda row: -place_of(row["loop"]))
            for place, row in enumerate(rows):
                colour = "#084594" if row["loop"].startswith("lineproof") else "#9ecae1"
                panel.barh(place, row["age_p50_ms"], color=colour, height=0.6)
                panel.plot([row["age_p50_ms"], row["age_p99_ms"]], [place, place], color="black", linewidth=1)
                panel.plot(row["age_p99_ms"], place, "k|")
            panel.set_yticks(range(len(rows)), [row["loop"] for row in rows], fontsize=7)
            panel.set_title(f"{result['size']} px, {fps:g} fps", fontsize=8)
            panel.set_xlabel("age at decision, ms: p50, p99", fontsize=7)
            panel.tick_params(axis="x", labelsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def longer_side(stock: Path) -> int:
    """Of the stock graph's input."""
    import onnx

    shape = onnx.load(stock, load_external_data=False).graph.input[0].type.tensor_type.shape.dim
    return max(shape[2].dim_value, shape[3].dim_value)


def say(text: str) -> None:
    """To the person who waits."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def asked_for() -> argparse.Namespace:
    """The command line."""
    from pictures import DEFAULT

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", nargs=2, type=Path, action="append", required=True, metavar=("BUNDLE", "STOCK"))
    parser.add_argument("--images", type=Path, default=DEFAULT, help="folder the frames are put together from")
    parser.add_argument("--provider", default="cpu", help="of lineproof's engine")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python with ultralytics")
    parser.add_argument("--only", default="", help="only loops whose name holds this")
    parser.add_argument("--screen", action="store_true", help="one more row: lineproof drawing its live table")
    parser.add_argument("--fps", type=float, nargs="+", default=[30, 60, 120])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run, without its warm-up of 1 s")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


def main() -> None:
    """Measure, print, keep."""
    from camera_rig import DEPTH, WH
    from machine import machine

    asked = asked_for()
    about, began = machine(), time.monotonic()
    results = []
    with tempfile.TemporaryDirectory(prefix="camera-loop-") as name:
        for bundle, stock in asked.pair:
            results.append(measure_pair(bundle, stock, asked, Path(name)))
            say(table(results[-1]))
    document = {
        "what": f"frame age at decision, virtual {WH[0]}×{WH[1]} camera, driver queue of {DEPTH}, newest dropped when full",
        "pass_rule": f"p99 ≤ one frame interval + {ENGINE_SHARE} × the engine's median time in the same run",
        "machine": about,
        "provider": asked.provider,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "took_s": round(time.monotonic() - began),
        "results": results,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if asked.out:
        asked.out.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")
    if asked.plot and any(result["rows"] for result in results):
        draw(results, asked.plot)


if __name__ == "__main__":
    main()
