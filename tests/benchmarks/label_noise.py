"""What wrong labels cost: the same training on annotations of which a share is wrong, measured on clean images.

In the training and validation splits a share of all boxes is made wrong, in four equal parts: shifted by half their size,
given another class, left out, and invented (the size and class of another box, where no defect is). The test split stays
as it is; where there is none, validation images beyond `--val` become it. With one seed the wrong boxes of a smaller share
are among those of a larger one, so the rows differ by their added errors alone. Everything is boxes: masks are dropped.

For each run it also says how many of the wrong boxes are among the first k of `lineproof data suspects`, with k as many as
are wrong: by frozen features, which judge classes alone. Runs are appended to `--out` as they end; called again it goes on.

    python tests/benchmarks/label_noise.py DATA --base yolov8n --steps 600 --out results/label_noise_neu.jsonl
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from label_efficiency import Silent, measure
from machine import machine

from lineproof.adapt.begin import Wish
from lineproof.adapt.network import read_safetensors
from lineproof.adapt.pipeline import learn
from lineproof.adapt.recipe import load_recipe, with_changes
from lineproof.core import Detections, Sample
from lineproof.core.boxes import box_iou
from lineproof.data.dataset import Dataset, open_dataset, write_dataset
from lineproof.data.nested import nested_order

KINDS = ("shifted", "class", "missing", "invented")
SAME_IOU = 0.9  # a listed box is the wrong one: the list rounds to tenths of a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Wrong:
    """One error that was made."""

    kind: str
    image: str
    xyxy: np.ndarray  # (4,) px; as it is annotated now, of a missing one as it was


def clean_splits(data: Path, val: int) -> tuple[Dataset, list[Sample]]:
    """The dataset, and its samples without masks, with a test split."""
    dataset = open_dataset(data)
    samples = [replace(s, truth=replace(s.truth, masks=None)) for s in dataset.samples]
    if any(sample.split == "test" for sample in samples):
        return dataset, samples
    held = nested_order([s for s in samples if s.split == "val"], len(dataset.classes), 0)
    return dataset, [s for s in samples if s.split == "train"] + held[:val] + [
        replace(sample, split="test") for sample in held[val:]
    ]


def with_errors(
    dataset: Dataset, samples: Sequence[Sample], share: float, seed: int
) -> tuple[list[Sample], list[Wrong]]:
    """Samples of which a share of the training and validation boxes is wrong, and what was made wrong."""
    learnt = [index for index, sample in enumerate(samples) if sample.split in ("train", "val")]
    boxes = [(index, row) for index in learnt for row in range(len(samples[index].truth))]
    order = np.random.default_rng(seed).permutation(len(boxes))
    kinds = KINDS if len(dataset.classes) > 1 else tuple(kind for kind in KINDS if kind != "class")
    truth = {index: _rows(samples[index].truth) for index in learnt}
    made = []
    for turn, place in enumerate(order[: round(share * len(boxes))].tolist()):
        index, row = boxes[place]
        xyxy, class_id = _rows(samples[index].truth)[row]
        kind = kinds[turn % len(kinds)]
        rng = np.random.default_rng((seed, turn))  # of its own: the same error whatever the share
        if kind == "invented":
            index = learnt[int(rng.integers(len(learnt)))]
            free = _free_place(samples[index], xyxy[2:] - xyxy[:2], rng)
            if free is None:
                continue
            xyxy, row = free, len(truth[index])
            truth[index].append(None)
        elif kind == "shifted":
            xyxy = _shifted(xyxy, samples[index].image_wh, rng)
        elif kind == "class":
            class_id = (class_id + int(rng.integers(1, len(dataset.classes)))) % len(dataset.classes)
        truth[index][row] = None if kind == "missing" else (xyxy, class_id)
        made.append(Wrong(kind, dataset.name_of(samples[index]), xyxy))
    noisy = [
        replace(sample, truth=_detections(truth[index])) if index in truth else sample
        for index, sample in enumerate(samples)
    ]
    return noisy, made


Row = tuple[np.ndarray, int]


def _rows(truth: Detections) -> list[Row | None]:
    return [(xyxy, int(class_id)) for xyxy, class_id in zip(truth.xyxy, truth.class_id, strict=True)]


def _detections(rows: Sequence[Row | None]) -> Detections:
    kept = [row for row in rows if row is not None]
    if not kept:
        return Detections.empty()
    xyxy = np.array([row[0] for row in kept], np.float32)
    return Detections(xyxy, np.ones(len(kept), np.float32), np.array([row[1] for row in kept], np.int32))


def _shifted(xyxy: np.ndarray, image_wh: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """By half its width or height, to a side where there is room; else to the roomiest, and cut at the edge."""
    (x0, y0, x1, y1), (width, height) = xyxy.tolist(), image_wh
    half_w, half_h = (x1 - x0) / 2, (y1 - y0) / 2
    moves = np.array([[half_w, 0], [-half_w, 0], [0, half_h], [0, -half_h]])
    room = np.array([(width - x1) / half_w, x0 / half_w, (height - y1) / half_h, y0 / half_h])
    free = np.flatnonzero(room >= 1)
    move = moves[rng.choice(free) if len(free) else int(room.argmax())]
    return np.clip(xyxy + np.tile(move, 2), 0, [width, height] * 2).astype(np.float32)


def _free_place(sample: Sample, size: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A box of that size where no defect is; None where a hundred tries find no such place."""
    size = np.minimum(size, sample.image_wh)
    for _ in range(100):
        corner = rng.uniform(0, 1, 2) * (sample.image_wh - size)
        xyxy = np.concatenate([corner, corner + size]).astype(np.float32)
        if not box_iou(xyxy[None], sample.truth.xyxy).any():
            return xyxy
    return None


def found_by_suspects(folder: Path, dataset: Dataset, wrong: Sequence[Wrong], out: Path) -> dict[str, Any]:
    """How many wrong boxes are among the first k of the list, k as many as are wrong; in all and by kind."""
    command = [sys.executable, "-m", "lineproof", "data", "suspects", str(folder), "--out", str(out), "--json"]
    done = subprocess.run([*command, "--most", str(len(wrong))], stdout=subprocess.PIPE, check=True)
    left = list(wrong)
    hits: Counter[str] = Counter()
    for row in json.loads(done.stdout)["suspects"]:
        xyxy = np.array([[row[side] for side in ("x1", "y1", "x2", "y2")]], np.float32)
        hit = next((w for w in left if w.image == row["image"] and box_iou(xyxy, w.xyxy[None])[0, 0] >= SAME_IOU), None)
        if hit is not None:
            left.remove(hit)
            hits[hit.kind] += 1
    made = Counter(one.kind for one in wrong)
    return {
        "found": sum(hits.values()),
        "of": len(wrong),
        "recall": round(sum(hits.values()) / len(wrong), 4),
        "by_kind": {kind: [hits[kind], made[kind]] for kind in KINDS},
    }


def run(args: argparse.Namespace, share: float, seed: int) -> dict[str, Any]:
    """One training on labels with so many errors, and its figures on clean images."""
    clean, samples = clean_splits(args.data, args.val)
    noisy, wrong = with_errors(clean, samples, share / 100, seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        name_of = {sample.image: clean.name_of(sample) for sample in samples}
        dataset = write_dataset(folder / "data", clean.classes, noisy, "noise", name_of=lambda s: name_of[s.image])
        recipe = with_changes(load_recipe(args.recipe), imgsz=args.imgsz, steps=args.steps, seed=seed)
        started = time.monotonic()
        learnt = learn(dataset, folder / "run", Wish(recipe, args.base, "detect", args.device), Silent())
        row = {
            "share": share,
            "seed": seed,
            "wrong": dict(Counter(one.kind for one in wrong)),
            "seconds": round(time.monotonic() - started, 1),
            "kept": learnt.folder.read().best_epoch,
            **measure(read_safetensors(learnt.folder.best), dataset, args.imgsz),
        }
        if wrong and args.suspects:
            row["suspects"] = found_by_suspects(folder / "data", dataset, wrong, folder / "suspects")
    return row


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a share: mean ± standard error over seeds, and what the errors cost against the same seeds without."""
    lines = []
    by_share: dict[float, dict[int, dict[str, Any]]] = {}
    for row in rows:
        by_share.setdefault(row["share"], {})[row["seed"]] = row
    clean = by_share.get(0, {})
    for share, runs in sorted(by_share.items()):
        line: dict[str, Any] = {"share_percent": share, "seeds": sorted(runs)}
        for key in ("map50", "map50_95"):
            line[key] = spread([run[key] for run in runs.values()])
            if share and (both := [seed for seed in runs if seed in clean]):
                line[f"{key}_lost"] = spread([clean[seed][key] - runs[seed][key] for seed in both])
        if listed := [run["suspects"]["recall"] for run in runs.values() if "suspects" in run]:
            line["suspects_recall"] = spread(listed)
            line["suspects_by_kind"] = {
                kind: np.sum([run["suspects"]["by_kind"][kind] for run in runs.values()], axis=0).tolist()
                for kind in KINDS
            }
        lines.append(line)
    return lines


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and its standard error; one value has none."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": round(float(np.mean(values)), 4), "error": None if error is None else round(error, 4)}


def main() -> None:
    """Do what is missing in `--out`, then print the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--base", default="auto")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--imgsz", type=int, default=224)
    parser.add_argument("--shares", type=float, nargs="+", default=(0, 2, 5, 10), help="percent of the boxes")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--val", type=int, default=100, help="validation images, where there is no test split")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-suspects", dest="suspects", action="store_false")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    asked = {name: getattr(args, name) for name in ("base", "recipe", "steps", "imgsz", "val")}
    asked["data"] = args.data.name
    if not args.out.exists():
        args.out.write_text(json.dumps({"about": {"machine": machine(), **asked}}) + "\n", encoding="utf-8")
    about, *rows = [json.loads(line) for line in args.out.read_text("utf-8").splitlines()]
    begun = {name: about["about"][name] for name in asked}
    if begun != asked:
        raise SystemExit(f"{args.out}: began with {begun}, now {asked}")
    for seed in args.seeds:
        for share in args.shares:
            if any((row["share"], row["seed"]) == (share, seed) for row in rows):
                continue
            rows.append(run(args, share, seed))
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            sys.stderr.write(f"{share:g} % wrong, seed {seed}: mAP50 {rows[-1]['map50']:.3f}\n")
    sys.stdout.write(json.dumps({**about, "table": table(rows)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
