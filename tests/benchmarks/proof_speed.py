"""What a proof costs beside the inference it needs, and what the statistics of 100,000 recorded parts cost.

images   `prove` on a locked split (nothing sealed) beside reading and inspecting the same images alone, in turn
parts    drawn parts: bounded, bootstrapped by part (2,000 resamples), fitted over size, and drawn

python tests/benchmarks/proof_speed.py BUNDLE DATASET --split test --out results/proof_speed.json
python tests/benchmarks/proof_speed.py --parts 100000
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from machine import machine


def images(bundle: Path, dataset: Path, split: str, rounds: int) -> dict[str, Any]:
    """Seconds of both, in turn; a warm process, as imports are paid once."""
    from lineproof.bundle.open import open_bundle
    from lineproof.cli.assemble import bundle_limits, ready_engine
    from lineproof.cli.prove.run import Asked, prove
    from lineproof.core.decode import decode_image
    from lineproof.data.dataset import open_dataset
    from lineproof.data.subset import samples_of
    from lineproof.proof.acceptance import Question
    from lineproof.proof.report import pdf
    from lineproof.rules.tolerance import Rules

    samples = samples_of(open_dataset(dataset), split)
    alone, proven, printed = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(bundle, Path(folder) / "bundle")
            sealed = open_bundle(copy)
            engine = ready_engine(sealed, bundle_limits(sealed, Rules()), "cpu")
            started = time.perf_counter()
            for sample in samples:
                engine.detect(decode_image(sample.image.read_bytes(), sample.image.name))
            alone.append(time.perf_counter() - started)
            asked = Asked(
                question=Question(),
                automatic_match=True,
                line=None,
                split=split,
                calibrate="val",
                provider="cpu",
                by="benchmark",
                out=Path(folder) / "out",
                seal=False,
                require=None,
                study=None,
            )
            for browsers, seconds in (((), proven), (pdf.BROWSERS, printed)):
                with mock.patch.object(pdf, "BROWSERS", browsers):
                    started = time.perf_counter()
                    prove(copy, dataset, asked)
                    seconds.append(time.perf_counter() - started)
    middle = {"alone": alone, "proven": proven, "with PDF": printed}
    return {
        "images": len(samples),
        "seconds": {name: round(statistics.median(each), 2) for name, each in middle.items()},
        "added": round(statistics.median(p / a - 1 for p, a in zip(proven, alone, strict=True)), 3),
        "added with PDF": round(statistics.median(p / a - 1 for p, a in zip(printed, alone, strict=True)), 3),
        "rounds": rounds,
    }


def parts(count: int) -> dict[str, Any]:
    """Seconds of `prove recorded` on drawn parts, in a process of its own; a tenth are bad, up to three rows a group."""
    rng = np.random.default_rng(0)
    bad = rng.random(count) < 0.1
    size = np.exp(rng.normal(2.5, 0.8, count))
    found = rng.random(count) < 1 / (1 + np.exp(-3 * (np.log(size) - 1.2)))
    decision = np.where(bad, np.where(found, "FAIL", "PASS"), np.where(rng.random(count) < 0.002, "REVIEW", "PASS"))
    group = np.repeat(np.arange(count), rng.integers(1, 4, count))[:count]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "parts.csv"
        rows = zip(bad.tolist(), decision.tolist(), group.tolist(), size.tolist(), strict=True)
        text = [
            f"p{i},{'bad' if b else 'good'},{d},{g},{f'{s:.2f}' if b else ''}" for i, (b, d, g, s) in enumerate(rows)
        ]
        table.write_text("part,truth,decision,group,size\n" + "\n".join(text))
        started = time.perf_counter()
        command = [sys.executable, "-m", "lineproof", "prove", "recorded", str(table), "--json"]
        done = subprocess.run(
            [*command, "--plot", str(Path(folder) / "pod.png")], stdout=subprocess.PIPE, check=True, text=True
        )
        seconds = time.perf_counter() - started
    return {"parts": count, "seconds": round(seconds, 2), "claim": json.loads(done.stdout)["sentence"]}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--split", default="test")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "recorded parts": parts(args.parts)}
    if args.bundle and args.dataset:
        result["images"] = images(args.bundle, args.dataset, args.split, args.rounds)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "machine"}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
