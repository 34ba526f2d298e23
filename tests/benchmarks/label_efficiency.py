"""How good is a detector after so many images and minutes: `lineproof train` beside the stock trainer.

Nested subsets of the train split, the same base, image size, validation images and wall-clock budget for both, which
run at the same time, each on one core of its own. Both networks are exported and measured by the runtime engine on the
test split, which neither has seen. Runs are appended to `--out` as they end; called again it goes on where it stopped.

    python tests/benchmarks/label_efficiency.py DATA --base yolov8n-coco --out results/label_efficiency_neu.jsonl
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import machine

from lineproof.adapt.begin import Wish, begin_run
from lineproof.adapt.checkpoint import read_checkpoint
from lineproof.adapt.export import export_onnx
from lineproof.adapt.finetune import finetune, read_metrics
from lineproof.adapt.network import Weights, read_safetensors
from lineproof.adapt.recipe import load_recipe, with_changes
from lineproof.adapt.workspace import choose_task, prepare_workspace
from lineproof.data.dataset import Dataset, open_dataset, write_dataset
from lineproof.data.nested import nested_order, nested_subsets
from lineproof.data.subset import samples_of
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.average_precision import average_precision
from lineproof.proof.evaluate import detect_all

TRAINERS = ("lineproof", "stock")


class Silent:
    """Nobody looks."""

    def begin(self, epochs: int, done: int, batches: int) -> None: ...

    def batch(self) -> None: ...

    def epoch(self, row: object) -> None: ...

    def say(self, text: str) -> None: ...


def subset(data: Path, size: int, seed: int, val: int, out: Path) -> Dataset:
    """Some training images, some validation images, and all images for the test that are left."""
    dataset = open_dataset(data)
    train = nested_subsets(dataset, SIZES, seed)[size]
    held = samples_of(dataset, "val")
    if any(sample.split == "test" for sample in dataset.samples):
        test = samples_of(dataset, "test")
    else:  # part of the validation images becomes the test
        order = nested_order(held, len(dataset.classes), 0)
        held, test = order[:val], [replace(sample, split="test") for sample in order[val:]]
    return write_dataset(out, dataset.classes, [*train, *held, *test], "benchmark")


def train_lineproof(dataset: Dataset, args: argparse.Namespace, folder: Path) -> tuple[Weights, dict[str, object]]:
    length = {"epochs": args.epochs, "validations": args.epochs} if args.epochs else {"minutes": args.minutes}
    recipe = with_changes(load_recipe(args.recipe), imgsz=args.imgsz, batch=16, seed=args.seed, **length)
    run, start = begin_run(dataset, folder / "run", Wish(recipe, str(args.base), None, "cpu"), Silent())
    workspace = prepare_workspace(dataset, run.read().task, run.workspace)
    finetune(start, workspace, run, Silent(), device="cpu")
    took = [row.train_s + row.val_s for row in read_metrics(run.metrics)]
    facts = {"epochs": len(took), "epoch_s": round(statistics.median(took[1:] or took), 2)}
    return read_safetensors(run.best), {**facts, "kept": run.read().best_epoch}


def train_stock(dataset: Dataset, args: argparse.Namespace, folder: Path) -> tuple[Weights, dict[str, object]]:
    """ultralytics with its defaults; `time` is its own budget in hours."""
    from ultralytics import YOLO  # after lineproof.adapt, which switches off whatever calls home
    from ultralytics import settings as ultralytics_settings

    ultralytics_settings.update({"sync": False})
    workspace = prepare_workspace(dataset, choose_task(dataset, None), folder / "workspace")
    model = YOLO(args.base.with_suffix(".pt"))
    length = {"epochs": args.epochs} if args.epochs else {"time": args.minutes / 60}
    model.train(
        data=str(workspace.yaml), imgsz=args.imgsz, seed=args.seed, device="cpu", project=str(folder), name="run",
        plots=False, verbose=False, **length,
    )  # fmt: skip
    with (folder / "run" / "results.csv").open() as file:
        ends = [0.0, *(float(row["time"]) for row in csv.DictReader(file))]
    took = [after - before for before, after in itertools.pairwise(ends)]
    facts = {"epochs": len(took), "epoch_s": round(statistics.median(took[1:] or took), 2)}
    return read_checkpoint(folder / "run" / "weights" / "best.pt"), facts


def measure(weights: Weights, dataset: Dataset, imgsz: int) -> dict[str, object]:
    """Through the engine that runs on the line."""
    exported = export_onnx(weights.network(), (imgsz, imgsz))
    engine = OnnxEngine.from_model(exported.onnx, exported.spec(0.01), "cpu")
    test = samples_of(dataset, "test")
    found = detect_all(engine, test)
    boxes = average_precision(test, found, dataset.classes)
    figures = {"map50": boxes.ap50, "map50_95": boxes.ap50_95, "per_class": boxes.as_dict()["per_class"]}
    if dataset.has_masks:
        masks = average_precision(test, found, dataset.classes, masks=True)
        figures |= {"mask_map50": masks.ap50, "mask_map50_95": masks.ap50_95}
    return figures


def child(args: argparse.Namespace) -> None:
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        dataset = subset(args.data, args.size, args.seed, args.val, folder / "data")
        started = time.monotonic()
        weights, facts = (train_lineproof if args.child == "lineproof" else train_stock)(dataset, args, folder)
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = {"trainer": args.child, "size": args.size, "seed": args.seed, "seconds": round(seconds, 1)}
        figures = {} if args.no_figures else measure(weights, dataset, args.imgsz)
        print(json.dumps({**row, "peak_mib": round(peak), **facts, **figures}))  # noqa: T201


def pair(args: argparse.Namespace, size: int, seed: int) -> list[dict[str, object]]:
    """Both trainers at once, each on its core; they change cores from seed to seed."""
    cores = sorted(os.sched_getaffinity(0))
    running = []
    for index, trainer in enumerate(TRAINERS):
        if trainer not in args.trainers:
            continue
        core = cores[(index + seed) % len(cores)]
        command = [sys.executable, __file__, str(args.data), "--child", trainer, "--core", str(core)]
        command += ["--size", str(size), "--seed", str(seed), "--base", str(args.base), "--imgsz", str(args.imgsz)]
        command += ["--minutes", str(args.minutes), "--val", str(args.val), "--recipe", args.recipe]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env))
    rows = []
    for process in running:
        out, err = process.communicate()
        if process.returncode:
            raise SystemExit(err[-3000:])
        rows.append(json.loads(out.strip().splitlines()[-1]))
    return rows


SIZES = (25, 50, 100, 200, 400)


def table(rows: list[dict[str, object]], key: str) -> list[str]:
    """A line for each size: mean ± standard error of both, and of their difference over the same seeds."""
    lines = [f"{key:>14}  images   lineproof          stock              difference         2 s.e. apart"]
    for size in SIZES:
        got = {
            trainer: {r["seed"]: r[key] for r in rows if r["size"] == size and r["trainer"] == trainer and key in r}
            for trainer in TRAINERS
        }
        seeds = sorted(set(got["lineproof"]) & set(got["stock"]))
        if len(seeds) < 2:
            continue
        ours, stock = (np.array([got[trainer][seed] for seed in seeds]) for trainer in TRAINERS)
        cells = [(v.mean(), v.std(ddof=1) / np.sqrt(len(v))) for v in (ours, stock, ours - stock)]
        apart = "yes" if cells[2][0] > 2 * cells[2][1] else "no"
        text = "   ".join(f"{mean:+.3f} ± {error:.3f} " for mean, error in cells)
        lines.append(f"{'':14}  {size:>6}   {text}   {apart} ({len(seeds)} seeds)")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--base", type=Path, help="weights without suffix: .safetensors for us, .pt for stock")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--imgsz", type=int, default=224)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--val", type=int, default=100, help="validation images, where there is no test split")
    parser.add_argument("--trainers", nargs="+", default=TRAINERS, choices=TRAINERS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, help="of a child: a length in epochs, each validated, instead of minutes")
    parser.add_argument("--no-figures", action="store_true", help="of a child: time and memory alone")
    parser.add_argument("--child", choices=TRAINERS)
    parser.add_argument("--core", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.child:
        args.base = args.base.with_suffix(".safetensors")
        child(args)
        return
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    if not rows:
        facts = {"machine": machine(), "minutes": args.minutes, "imgsz": args.imgsz, "data": args.data.name}
        args.out.write_text(json.dumps({"about": {**facts, "base": args.base.name, "recipe": args.recipe}}) + "\n")
    done = {(row["trainer"], row["size"], row["seed"]) for row in rows if "trainer" in row}
    for seed in args.seeds:
        for size in args.sizes:
            if all((trainer, size, seed) in done for trainer in args.trainers):
                continue
            with args.out.open("a") as file:
                for row in pair(args, size, seed):
                    file.write(json.dumps(row) + "\n")
                    figures = f"mAP50 {row['map50']:.3f}  mAP50-95 {row['map50_95']:.3f}  {row['epochs']} epochs"
                    print(f"{row['trainer']:10} {size:4} images, seed {seed}: {figures}", flush=True)  # noqa: T201
    rows = [json.loads(line) for line in args.out.read_text().splitlines()]
    for key in ("map50", "map50_95", "mask_map50", "mask_map50_95"):
        if any(key in row for row in rows):
            print("\n".join(table([row for row in rows if "trainer" in row], key)))  # noqa: T201


if __name__ == "__main__":
    main()
