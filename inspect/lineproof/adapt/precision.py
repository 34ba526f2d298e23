"""Which precision a bundle is sealed in: what can run here is measured against fp32, and the table is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from lineproof.adapt.candidates import GPU_PROVIDERS, Asked, Candidate, Files, open_candidates
from lineproof.adapt.export import Exported
from lineproof.adapt.latency import Latency, race
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.reference import Reference
from lineproof.bench.machine import cores, cpu_name, gpu_name
from lineproof.bundle.precisions import PrecisionRow
from lineproof.core import Image
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.errors import GateError, ParityError, ProviderError
from lineproof.proof.average_precision import known_figure

_RACED_IMAGES = 16
_NAMED = 5  # images named in an error


@dataclass(frozen=True, slots=True)
class Measured:
    """One precision on one provider: its figures at all threads, then at one, and the images it decides otherwise."""

    exported: Exported
    provider: str
    rows: tuple[PrecisionRow, ...]
    flipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Precise:
    """The export at the precision it shall be sealed in, and the table it was chosen from."""

    exported: Exported
    provider: str  # on which it was chosen: cpu, openvino, cuda or tensorrt
    rows: tuple[PrecisionRow, ...]
    flipped: tuple[str, ...]  # images decided otherwise than in fp32
    layout: str  # of an int8 model, in words; else empty


def at_precision(
    exported: Exported,
    dataset: Dataset,
    thresholds: Mapping[str, Threshold],
    score_floor: float,
    progress: TrainProgress,
    *,
    asked: Asked = "fp32",
    latency_budget_ms: float | None = None,
    max_flips: int = 0,
) -> Precise:
    """Turn an fp32 export into the precision asked for, proven on the validation images.

    `auto` is the fastest of what runs here that changes at most `max_flips` decisions. A budget is held by the 99th
    percentile at all threads, image to detections.

    Raises:
        ParityError: the precision asked for changes more decisions than allowed; names images.
        ProviderError: nothing here computes the precision asked for.
        GateError: nothing admissible is within the budget, or the network does not fit into the precision.
    """
    reference = Reference(exported, samples_of(dataset, "val"), thresholds, score_floor)
    files = Files(reference, samples_of(dataset, "train"), progress, max_flips)
    candidates = list(open_candidates(reference, files, asked, progress))
    progress.say(f"measuring {len(candidates)} candidates over {len(reference.samples)} validation images")
    measured = _measure(reference, candidates)
    chosen = choose(_of(measured, asked), latency_budget_ms=latency_budget_ms, max_flips=max_flips)
    rows = tuple(row for each in measured for row in each.rows)
    layout = files.layouts[chosen.provider] if chosen.exported.precision == "int8" else ""
    return Precise(chosen.exported, chosen.provider, rows, chosen.flipped, layout)


def choose(measured: Sequence[Measured], *, latency_budget_ms: float | None = None, max_flips: int = 0) -> Measured:
    """The lowest median at all threads among those that change at most `max_flips` decisions.

    Raises:
        ParityError: all of them change more; names images of the nearest.
        GateError: the 99th percentile of every admissible one is over the budget; names the fastest.
    """
    admissible = [each for each in measured if len(each.flipped) <= max_flips]
    if not admissible:
        raise _changes_too_much(min(measured, key=lambda each: len(each.flipped)), max_flips)
    budget = math.inf if latency_budget_ms is None else latency_budget_ms
    within = [each for each in admissible if each.rows[0].latency_p99_ms <= budget]
    if not within:
        row = min((each.rows[0] for each in admissible), key=lambda row: row.latency_p99_ms)
        raise GateError(
            f"nothing is within {budget:g} ms: the fastest that may be taken is {row.precision} on {row.provider} "
            f"with {row.threads} threads, p99 {row.latency_p99_ms:.1f} ms (median {row.latency_ms:.1f})",
            hint="a smaller input, the camera's aspect (--frame), or a faster machine",
        )
    return min(within, key=lambda each: each.rows[0].latency_ms)


def _changes_too_much(nearest: Measured, max_flips: int) -> ParityError:
    flipped = nearest.flipped
    names = ", ".join(flipped[:_NAMED]) + (f" and {len(flipped) - _NAMED} more" if len(flipped) > _NAMED else "")
    row = nearest.rows[0]
    return ParityError(
        f"{row.precision} on {row.provider} decides {len(flipped)} of {row.images} validation images otherwise than "
        f"fp32, allowed {max_flips}: {names}",
        hint="nothing was sealed; allow it with --max-flips, or export with --precision auto",
    )


def _of(measured: Sequence[Measured], asked: Asked) -> list[Measured]:
    wanted = [each for each in measured if asked in ("auto", each.exported.precision)]
    if not wanted:
        raise ProviderError(f"nothing here computes {asked}", hint="`lineproof doctor` says what this machine has")
    return wanted


def _measure(reference: Reference, candidates: Sequence[Candidate]) -> list[Measured]:
    """Accuracy one after the other, latency of all in turns."""
    raced = iter(race([engine for each in candidates for engine in each.engines], _images(reference)))
    return [_measured(reference, each, [next(raced) for _ in each.engines]) for each in candidates]


def _images(reference: Reference) -> list[Image]:
    samples = reference.samples
    places = np.linspace(0, len(samples) - 1, min(_RACED_IMAGES, len(samples))).round().astype(int)
    return [read_image(samples[place].image) for place in places]


def _measured(reference: Reference, candidate: Candidate, latencies: Sequence[Latency]) -> Measured:
    found = reference.found(candidate.engines[0])
    evaluation, flipped = reference.evaluation(found), reference.flipped(found)
    first = PrecisionRow(
        precision=candidate.exported.precision,
        provider=candidate.provider,
        threads=candidate.threads[0],
        latency_ms=latencies[0].median_ms,
        latency_p99_ms=latencies[0].p99_ms,
        map50=known_figure(evaluation.boxes.ap50),
        map50_95=known_figure(evaluation.boxes.ap50_95),
        mask_map50=known_figure(evaluation.masks.ap50) if evaluation.masks else None,
        decision_flips=len(flipped),
        images=len(reference.samples),
        machine=_machine(candidate.provider),
        date=datetime.now(UTC).date(),
    )
    others = [
        first.model_copy(update={"threads": n, "latency_ms": took.median_ms, "latency_p99_ms": took.p99_ms})
        for n, took in zip(candidate.threads[1:], latencies[1:], strict=True)
    ]
    return Measured(candidate.exported, candidate.provider, (first, *others), flipped)


def _machine(provider: str) -> str:
    processor = f"{cpu_name()}, {cores()} cores"
    return f"{gpu_name()}; {processor}" if provider in GPU_PROVIDERS else processor
