"""Seconds an epoch and peak memory of training, beside the stock trainer: the same images, batch and image size.

Both run alone, in turn, round after round, with the threads they take by themselves; every epoch is validated. The
first epoch of each run is left out.

    python tests/benchmarks/epoch_speed.py DATA --base yolov8n-coco --out results/epoch_speed.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from machine import machine

LABEL_EFFICIENCY = Path(__file__).with_name("label_efficiency.py")
TRAINERS = ("lineproof", "stock")


def run(trainer: str, args: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, str(LABEL_EFFICIENCY), str(args.data), "--child", trainer, "--base", str(args.base)]
    command += ["--size", str(args.size), "--epochs", str(args.epochs), "--imgsz", str(args.imgsz), "--no-figures"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    row = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{trainer:10} {row['epoch_s']:6.2f} s an epoch, {row['peak_mib']} MiB", flush=True)  # noqa: T201
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--base", type=Path, help="weights without suffix: .safetensors for us, .pt for stock")
    parser.add_argument("--size", type=int, default=200, help="training images")
    parser.add_argument("--imgsz", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    about = {"machine": machine(), "data": args.data.name, **{k: getattr(args, k) for k in ("size", "imgsz", "epochs")}}
    rounds = [{trainer: run(trainer, args) for trainer in TRAINERS} for _ in range(args.rounds)]
    ratios = [row["lineproof"]["epoch_s"] / row["stock"]["epoch_s"] for row in rounds]
    memory = [row["lineproof"]["peak_mib"] / row["stock"]["peak_mib"] for row in rounds]
    summary = {
        "time_ratio": statistics.median(ratios),
        "time_ratios": ratios,
        "memory_ratio": statistics.median(memory),
    }
    print(f"lineproof / stock: time {summary['time_ratio']:.2f} (aim 0.60), memory {summary['memory_ratio']:.2f}")  # noqa: T201
    args.out.write_text(json.dumps({"about": about, "summary": summary, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
