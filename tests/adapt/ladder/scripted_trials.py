"""Trials that take no time: figures come from a script, everything around them is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lineproof.adapt.ladder.candidate import Candidate, TrialSpec
from lineproof.adapt.ladder.figures import PartMargins, SplitFigures, TrialResult, write_result
from lineproof.adapt.ladder.plan import Plan
from lineproof.adapt.ladder.runner import Show
from lineproof.adapt.recipe import Recipe

SPLIT_HASH = "5" * 64
Quality = Callable[[TrialSpec], float]


def candidate(rung: str, base: str = "yolov8n", imgsz: int = 64, steps: int = 16) -> Candidate:
    return Candidate(rung=rung, base=base, imgsz=imgsz, recipe=Recipe(imgsz=imgsz, steps=steps))


def plan(*rungs: str, seeds: tuple[int, ...] = (0,), rounds: int = 3, steps: int = 16) -> Plan:
    return Plan(
        dataset="/data",
        dataset_hash="d" * 64,
        split_hash=SPLIT_HASH,
        candidates=tuple(candidate(rung, steps=steps) for rung in rungs),
        seeds=seeds,
        rounds=rounds,
    )


def parts(*margins: float | None, bad: Sequence[bool] | None = None, group: Sequence[str] | None = None) -> PartMargins:
    """One part for each margin; the first half bad."""
    n = len(margins)
    return PartMargins(
        group=tuple(group or (f"g{i}" for i in range(n))),
        bad=tuple(bad if bad is not None else (i < n // 2 for i in range(n))),
        margin=margins,
    )


def figures(quality: float, *, spread: bool = True) -> SplitFigures:
    """40 parts, of which a share `quality` lies on its right side; mAP is the quality too, drawn anew if it is asked."""
    right = round(20 * quality)
    margins = [2.0] * right + [-2.0] * (20 - right) + [-2.0] * right + [2.0] * (20 - right)
    noise = np.random.default_rng(1).normal(0, 0.02, 100 if spread else 0)
    return SplitFigures(
        images=40,
        groups=40,
        map50=quality,
        map50_95=quality,
        map_drawn=tuple(float(quality + v) for v in noise),
        escapes=(20 - right, 20),
        overkill=(20 - right, 20),
        parts=parts(*margins),
    )


def done(spec: TrialSpec, quality: float, *, whole_s: float = 180.0, rest_s: float = 6.0) -> TrialResult:
    """One that ended; before the last round nothing is sealed, and the rest takes a third of the time."""
    return TrialResult(
        key=Path(spec.folder).name,
        status="done",
        epochs_run=5,
        best_epoch=4,
        train_s=whole_s * spec.share,
        total_s=whole_s * spec.share + (rest_s if spec.last else rest_s / 3),
        run=f"{spec.folder}/run",
        bundle=f"{spec.folder}/run/bundle" if spec.last else "",
        thresholds={"scratch": 0.3},
        val=figures(quality, spread=spec.last),
        test=figures(quality - 0.1) if spec.last else None,
    )


@dataclass
class ScriptedRunner:
    """Answers each trial as told, writes trial.json, remembers what it was asked for."""

    quality: Quality
    answer: Callable[[TrialSpec], TrialResult | None] = lambda _: None
    workers: int = 1
    asked: list[TrialSpec] = field(default_factory=list)
    until_s: float | None = None

    def run(self, specs: Sequence[TrialSpec], show: Show, until_s: float | None = None) -> list[TrialResult]:
        results = []
        for spec in specs:
            self.asked.append(spec)
            self.until_s = until_s
            show.started(Path(spec.folder).name, spec.label)
            result = self.answer(spec) or done(spec, self.quality(spec))
            if result.status != "stopped":
                write_result(Path(spec.folder), result)
            results.append(result)
        return results


@dataclass
class Told:
    """Remembers."""

    said: list[str] = field(default_factory=list)

    def started(self, key: str, label: str) -> None:
        self.said.append(f"started {key}: {label}")

    def moved(self, key: str, event: dict[str, object]) -> None:
        self.said.append(f"moved {key} {event}")

    def ended(self, key: str, result: TrialResult) -> None:
        self.said.append(f"ended {key} {result.status}")

    def say(self, text: str) -> None:
        self.said.append(text)
