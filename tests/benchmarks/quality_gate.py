"""The image-quality gate on real pictures: limits learnt from 50 good frames, then what they refuse.

Scenes are the six surfaces of NEU-DET and the six exposures of the magnetic tiles' good parts. Pictures of one scene differ
more than those of one camera over one line: light, crop and, for the tiles, size. Of each scene some frames are learnt and
all others judged, as they are and with the faults of a camera made from them. "Blind" is what learning itself says of a
scene, before it has seen the held-out frames.

python tests/benchmarks/quality_gate.py [--data DIR] [--repeats 4] [--out tests/benchmarks/results/NAME.json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from pictures import mosaics

from lineproof.bench.machine import machine, versions
from lineproof.core.decode import read_image
from lineproof.watch.faulted import black, defocused, half_lit, white
from lineproof.watch.learn import learn
from lineproof.watch.measures import glimpse, measure
from lineproof.watch.position import Template
from lineproof.watch.quality import QualityGate

SIDES = ("left", "right", "top", "bottom")
NOISE = 1.5  # grey levels of a sensor, added after the blur: a defocused camera still has its noise
LEARNT = {"neu": 50, "tile": 30}  # an exposure of the tiles has some 50 pictures in all


def noisy(blur: Callable[[np.ndarray], np.ndarray], noise: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Defocused light on a sensor with noise."""
    grey = noise.normal(0, NOISE, (*image.shape[:2], 1))
    return np.clip(np.round(blur(image) + grey), 0, 255).astype(np.uint8)


def faults() -> dict[str, list[Callable[[np.ndarray], np.ndarray]]]:
    """By name; more than one where a fault has sides."""
    noise = np.random.default_rng(0)
    return {
        "black": [black],
        "white": [white],
        **{f"half lit, {left:.0%} left": [half_lit(side, left) for side in SIDES] for left in (0.0, 0.1, 0.25, 0.5)},
        **{f"defocused {sigma} px": [defocused(sigma)] for sigma in (4, 2, 1)},
        **{f"defocused {sigma} px, noisy sensor": [partial(noisy, defocused(sigma), noise)] for sigma in (4, 2)},
    }


def scenes(data: Path) -> dict[str, list[Path]]:
    """Pictures by scene."""
    found: dict[str, list[Path]] = {}
    for path in sorted((data / "neu-det/images").glob("*.jpg")):
        found.setdefault(f"neu {path.stem.rsplit('_', 1)[0]}", []).append(path)
    for path in sorted((data / "magnetic-tile/MT_Free/Imgs").glob("*.jpg")):
        found.setdefault(f"tile {path.stem[:4]}", []).append(path)
    if not found:
        raise SystemExit(f"{data}: no pictures; name the folder of the data sets with --data")
    return found


def judge_scene(name: str, paths: list[Path], repeats: int) -> dict[str, object]:
    """Learn, then judge what was not learnt."""
    images = [read_image(path) for path in paths]
    seen = [glimpse(image) for image in images]
    broken = {fault: [[glimpse(way(i)) for way in ways] for i in images] for fault, ways in faults().items()}
    passed = {fault: [0, 0] for fault in broken}
    alarms, why, blind, set_aside, learnt_count = [0, 0], {}, set(), 0, LEARNT[name.split(maxsplit=1)[0]]
    for repeat in range(repeats):
        order = random.Random(repeat).sample(range(len(images)), len(images))
        learnt = learn([seen[row] for row in order[:learnt_count]])
        gate = QualityGate(learnt.settings, learnt.template)
        set_aside += len(learnt.rejected)
        blind |= {tried.name for tried in learnt.tried if tried.blind}
        for row in order[learnt_count:]:
            said = gate.check_glimpse(seen[row])
            alarms = [alarms[0] + (said is not None), alarms[1] + 1]
            if said is not None:
                word = said.split(":")[0]
                why[word] = why.get(word, 0) + 1
            for fault, frames in broken.items():
                through = sum(gate.check_glimpse(frame) is None for frame in frames[row])
                passed[fault] = [passed[fault][0] + through, passed[fault][1] + len(frames[row])]
    return {
        "pictures": len(images),
        "learnt": learnt_count,
        "set_aside_while_learning": set_aside,
        "blind": sorted(blind),
        "good_refused": alarms,
        "good_refused_why": why,
        "let_through": passed,
    }


def totals(rows: dict[str, dict], least: Callable[[dict], bool] = lambda _: True) -> dict[str, object]:
    """Over the scenes that `least` takes."""
    kept = [row for row in rows.values() if least(row)]

    def added(pairs: list[list[int]]) -> dict[str, object]:
        count, of = (sum(pair[place] for pair in pairs) for place in (0, 1))
        return {"count": count, "of": of, "share": round(count / of, 4) if of else None}

    through = {fault: added([row["let_through"][fault] for row in kept]) for fault in faults()}
    return {"scenes": len(kept), "good_refused": added([row["good_refused"] for row in kept]), "let_through": through}


def cost(data: Path, wh: tuple[int, int] = (1280, 960), rounds: int = 300) -> dict[str, object]:
    """Milliseconds of processor time of one check of a frame, on one thread; a busy neighbour on the core still slows it."""
    cv2.setNumThreads(1)
    frames = mosaics(data / "neu-det/images", wh, 4)
    seen = [glimpse(frame) for frame in frames]
    template = Template(seen[0].grey, np.ones(seen[0].grey.shape, np.bool_))
    stages = {
        "reduce": lambda turn: glimpse(frames[turn % 4]),
        "measure": lambda turn: measure(seen[turn % 4]),
        "locate": lambda turn: template.locate(seen[turn % 4]),
    }
    times: dict[str, list[float]] = {name: [] for name in stages}
    for turn in range(rounds):
        for name, stage in stages.items():
            started = time.thread_time()
            stage(turn)
            times[name].append(1e3 * (time.thread_time() - started))
    whole = [sum(parts) for parts in zip(*times.values(), strict=True)]
    facts = {name: round(statistics.median(values), 3) for name, values in times.items()}
    shares = {f"check_p{share}": round(float(np.quantile(whole, share / 100)), 3) for share in (5, 50, 99)}
    return {"frame": f"{wh[0]}x{wh[1]}", **facts, **shares}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LINEPROOF_SHARED", "../shared")) / "data")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    facts = {
        "what": "image-quality gate: faults let through and good frames refused, on frames that were not learnt",
        "date": datetime.now(UTC).date().isoformat(),
        **machine(),
        "versions": versions(),
        "cost_ms": cost(asked.data),
        "repeats": asked.repeats,
    }
    rows = {name: judge_scene(name, paths, asked.repeats) for name, paths in scenes(asked.data).items()}
    facts |= {"all": totals(rows), "not_blind": totals(rows, lambda row: not row["blind"]), "scenes": rows}
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
