"""JPEG in, decision out over HTTP: lineproof beside the services people build, as a share of the in-process floor.

The floor is one process that decodes, preprocesses, runs and postprocesses in a loop, on the stock graph with all
threads. All services of one size are up together; one is loaded at a time, the others are idle. Rounds are
interleaved, each with its own floor before and after, and the shares are medians over the rounds.

python tests/benchmarks/http_rows.py --pair BUNDLE STOCK.onnx [--pair …] [--peer-python PATH] --out results/NAME.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import onnx
from http_servers import HERE, IDLE_CORES, PEERS, NotRun, Pair, Row, Server, rows, start
from machine import machine
from pictures import DEFAULT, mosaics

WH = (1280, 960)
JPEG_QUALITY = 90
PICTURES = 4  # sent in turn


class Floor:
    """The floor's process: idle until asked for so many seconds."""

    def __init__(self, pair: Pair, pictures: list[Path]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PEERS / "floor.py"), str(pair.stock), *map(str, pictures)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(HERE)},
        )  # fmt: skip
        self.detections = self._line()["detections"]

    def measure(self, seconds: float) -> list[float]:
        """Milliseconds of each picture of so many seconds."""
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._line()["latencies_ms"]

    def stop(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(10)

    def _line(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the floor's process ended")
        return json.loads(line)


def load(server: Server, pictures: list[Path], connections: int, seconds: float) -> dict[str, float]:
    """One round of one row, by a process of its own."""
    before, began = server.cpu_s(), time.perf_counter()
    done = subprocess.run(
        [
            sys.executable, str(HERE / "http_load.py"), server.url, *map(str, pictures),
            "--connections", str(connections), "--seconds", str(seconds),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    server.note_memory()
    if done.returncode:
        raise NotRun(f"the load generator failed: {done.stderr.strip().splitlines()[-1][:200]}")
    cores = (server.cpu_s() - before) / (time.perf_counter() - began)
    server.settle()
    return json.loads(done.stdout)["rounds"][0] | {"server_cores": round(cores, 3), "idle_cores": server.idle_cores}


def measure_pair(pair: Pair, asked: argparse.Namespace, pictures: list[Path], folder: Path) -> dict[str, object]:
    """All rows at one input size."""
    servers, not_run = start_all(pair, asked, pictures, folder)
    floor = Floor(pair, pictures)
    samples: list[dict[str, object]] = []
    try:
        for turn in range(asked.rounds):
            for connections in asked.connections:
                samples += one_group(servers, floor, pictures, connections, turn, asked.seconds, not_run)
    finally:
        floor.stop()
        for server in servers:
            server.stop()
    return {
        "size": pair.size,
        "bundle": pair.bundle.name,
        "bundle_input": pair.sealed_input(),
        "stock": pair.stock.name,
        "floor": floor_summary(samples, floor.detections),
        "rows": [row_summary(server, samples) for server in servers],
        "not_run": not_run,
        "samples": samples,
    }


def start_all(
    pair: Pair, asked: argparse.Namespace, pictures: list[Path], folder: Path
) -> tuple[list[Server], dict[str, str]]:
    """Every row that can be had, idle, and why the others cannot."""
    servers, not_run = [], {}
    for row in chosen(asked):
        try:
            server = start(row, pair, asked.peer_python, pictures[0].read_bytes(), folder)
        except NotRun as why:
            not_run[row.name] = str(why)
            say(f"{pair.size}: {row.name}: not run: {why}")
            continue
        server.settle()
        servers.append(server)
        say(f"{pair.size}: {row.name}: up in {server.start_s:.1f} s, idle at {server.idle_cores:.2f} cores")
    return servers, not_run


def chosen(asked: argparse.Namespace) -> list[Row]:
    """The rows asked for; all of them by default."""
    return [row for row in rows(asked.lineproof_arg) if asked.only in row.name]


def one_group(
    servers: list[Server],
    floor: Floor,
    pictures: list[Path],
    connections: int,
    turn: int,
    seconds: float,
    not_run: dict[str, str],
) -> list[dict[str, object]]:
    """Each row once, in an order that moves on by one each time, between two halves of the floor."""
    began = floor.measure(seconds / 2)
    found = []
    for place in range(len(servers)):
        server = servers[(place + turn) % len(servers)]
        if server.row.name in not_run:
            continue
        try:
            found.append({"row": server.row.name, **load(server, pictures, connections, seconds)})
        except NotRun as why:
            not_run[server.row.name] = str(why)
    times_ms = began + floor.measure(seconds / 2)
    floor_rate, floor_ms = 1e3 * len(times_ms) / sum(times_ms), statistics.median(times_ms)
    say(
        f"  round {turn + 1}, {connections} connections: "
        + ", ".join(f"{f['throughput_per_s'] / floor_rate:.2f}" for f in found)
    )
    return [
        sample
        | {
            "round": turn,
            "floor_per_s": round(floor_rate, 3),
            "floor_p50_ms": round(floor_ms, 3),
            "share_of_floor": sample["throughput_per_s"] / floor_rate,
            "p50_over_floor": sample["p50_ms"] / floor_ms,
        }
        for sample in found
    ]


def floor_summary(samples: list[dict], detections: int) -> dict[str, object]:
    """The floor's own figures."""
    return {
        "per_s": median(samples, "floor_per_s"),
        "p50_ms": median(samples, "floor_p50_ms"),
        "detections_in_first_picture": detections,
    }


def row_summary(server: Server, samples: list[dict]) -> dict[str, object]:
    """Medians over the rounds of one row."""
    mine = [sample for sample in samples if sample["row"] == server.row.name]
    by_connections = {}
    for connections in sorted({sample["connections"] for sample in mine}):
        these = [sample for sample in mine if sample["connections"] == connections]
        names = (
            "throughput_per_s",
            "share_of_floor",
            "p50_ms",
            "p99_ms",
            "p50_over_floor",
            "server_cores",
            "client_cpu_share",
        )
        figures = {name: median(these, name) for name in names}
        figures["p99_over_p50"] = round(statistics.median(s["p99_ms"] / max(s["p50_ms"], 1e-9) for s in these), 3)
        by_connections[str(connections)] = figures | {
            "requests": sum(s["requests"] for s in these),
            "errors": sum(s["errors"] for s in these),
        }
    idle = statistics.median([server.idle_cores, *(sample["idle_cores"] for sample in mine)])
    return {
        "row": server.row.name,
        "connections": by_connections,
        "errors": sum(sample["errors"] for sample in mine),
        "rss_mib": round(server.peak_rss_mib),
        "pss_mib": round(server.peak_pss_mib),
        "start_s": round(server.start_s, 2),
        "idle_cores": round(idle, 3),
        "idle": idle <= IDLE_CORES,
    }


def median(samples: list[dict], name: str) -> float:
    """Of one figure over the rounds."""
    return round(statistics.median(sample[name] for sample in samples), 3) if samples else 0.0


def checks(result: dict) -> dict[str, bool]:
    """The aims of lineproof's row at one size."""
    found = {row["row"]: row for row in result["rows"]}
    ours = found.get("lineproof serve")
    if ours is None:
        return {}
    share = {count: figures["share_of_floor"] for count, figures in ours["connections"].items()}
    figures, passed = ours["connections"], {"errors 0": ours["errors"] == 0, "memory < 300 MiB": ours["rss_mib"] < 300}
    for count, value in share.items():
        if count != "1":
            passed[f"≥ 1.0 of the floor at {count}"] = value >= 1.0
        peers = [row["connections"][count]["share_of_floor"] for row in found.values() if row is not ours]
        if peers:
            passed[f"best of all rows at {count}"] = value >= max(peers)
    if "16" in figures:
        passed["p99 at 16 ≤ 1.3 × p50"] = figures["16"]["p99_over_p50"] <= 1.3
    if "1" in figures:
        passed["p50 at 1 ≤ 1.05 × the floor's latency"] = figures["1"]["p50_over_floor"] <= 1.05
    return passed


def table(result: dict) -> str:
    """For people."""
    lines = [f"\n{result['size']} px; floor {result['floor']['per_s']:.1f}/s, {result['floor']['p50_ms']:.1f} ms"]
    for row in result["rows"]:
        cells = [
            f"{count}: {f['share_of_floor']:.2f} ({f['p50_ms']:.0f}/{f['p99_ms']:.0f} ms)"
            for count, f in row["connections"].items()
        ]
        lines.append(
            f"{row['row']:<30} {'  '.join(cells)}  errors {row['errors']}  {row['rss_mib']} MiB  start {row['start_s']} s"
            f"  idle {row['idle_cores']:.2f}"
        )
    lines += [f"{name:<30} not run: {why}" for name, why in result["not_run"].items()]
    lines += [f"  {'yes' if passed else 'NO '}  {aim}" for aim, passed in result["checks"].items()]
    return "\n".join(lines)


def draw(results: list[dict], path: Path) -> None:
    """Share of the floor, one panel a size."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(len(results), 1, figsize=(9, 3.2 * len(results)), squeeze=False)
    for panel, result in zip(panels[:, 0], results, strict=True):
        counts = list(result["rows"][0]["connections"]) if result["rows"] else []
        for place, count in enumerate(counts):
            shares = [row["connections"].get(count, {}).get("share_of_floor", 0) for row in result["rows"]]
            where = [number + 0.25 * (place - (len(counts) - 1) / 2) for number in range(len(shares))]
            panel.bar(
                where, shares, 0.23, label=f"{count} connections", color=("#9ecae1", "#4292c6", "#084594")[place % 3]
            )
        panel.axhline(1.0, color="black", linewidth=0.8)
        panel.set_xticks(
            range(len(result["rows"])), [row["row"].replace(", ", ",\n") for row in result["rows"]], fontsize=7
        )
        panel.set_ylabel("share of the floor")
        panel.set_title(f"JPEG 1280×960 over HTTP, {result['size']} px", fontsize=9)
        panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def say(text: str) -> None:
    """To the person who waits."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def pair_of(bundle: Path, stock: Path) -> Pair:
    """Both files, and whether they are the same size: only then is the floor the bundle's own."""
    shape = onnx.load(stock, load_external_data=False).graph.input[0].type.tensor_type.shape.dim
    pair = Pair(bundle.resolve(), stock.resolve(), max(shape[2].dim_value, shape[3].dim_value))
    sealed = pair.sealed_input()
    if max(sealed["width"], sealed["height"]) != pair.size:
        say(
            f"{bundle.name} is {sealed['width']}×{sealed['height']}, its floor {pair.size} px: shares compare two sizes"
        )
    return pair


def asked_for() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", nargs=2, type=Path, action="append", required=True, metavar=("BUNDLE", "STOCK"))
    parser.add_argument("--images", type=Path, default=DEFAULT, help="folder the test pictures are put together from")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python with litserve, ray[serve], ultralytics")
    parser.add_argument("--lineproof-arg", action="append", default=[], help="one more argument of `lineproof serve`")
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement, without its warm-up")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


def main() -> None:
    """Measure, print, keep."""
    asked = asked_for()
    about, began = machine(), time.monotonic()
    results = []
    with tempfile.TemporaryDirectory(prefix="http-rows-") as name:
        folder = Path(name)
        pictures = []
        for number, image in enumerate(mosaics(asked.images, WH, PICTURES)):
            pictures.append(folder / f"part-{number}.jpg")
            cv2.imwrite(str(pictures[-1]), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        for bundle, stock in asked.pair:
            pair = pair_of(bundle, stock)
            result = measure_pair(pair, asked, pictures, folder)
            results.append(result | {"checks": checks(result)})
            say(table(results[-1]))
        sizes = [picture.stat().st_size for picture in pictures]
    document = {
        "what": "JPEG 1280×960 in, decision out over HTTP; shares of the in-process floor, medians over rounds",
        "machine": about,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "jpeg_bytes": sizes,
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
