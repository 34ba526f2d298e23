"""Whether thresholds keep their promise: thousands of simulated calibrations, each judged by its true escape rate.

Scores are drawn from laws that are known, so the escape rate of a point comes from their distribution functions and not
from another sample. Beside learn-then-test and conformal risk control stands what is done without either: the loosest
threshold that misses no more of the calibration parts than the target.

    python tests/benchmarks/coverage_thresholds.py --out tests/benchmarks/results/coverage_thresholds_DATE.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from scipy.stats import beta, binom

from lineproof.proof.point.answer import OperatingPoint
from lineproof.proof.point.ask import Target
from lineproof.proof.point.calibration import AsIs
from lineproof.proof.point.choose import choose_operating_point
from lineproof.proof.point.family import STEPS, family_of

FLOOR = 0.05
CONFIDENCE = 0.95
NOISE_SHARE, NOISE = 0.2, (1.2, 10)  # columns other than the defect's own
LAWS = {1: ((6, 2),), 3: ((8, 2), (4, 4), (3, 7))}  # beta laws of a defect's own column: alone, and on three scales


@dataclass(frozen=True)
class Case:
    """One kind of calibration."""

    name: str
    bad: int  # groups of bad parts
    escape: float
    columns: int = 1
    digits: int | None = None  # scores are rounded to: ties
    nothing: float = 0.0  # share of bad parts on which nothing is found
    size: int = 1  # parts of a group, which share one score
    as_parts: bool = False  # count them as independent, which they are not


CASES = (
    Case("smooth", 59, 0.05),
    Case("smooth", 300, 0.05),
    Case("smooth", 299, 0.01),
    Case("smooth", 1000, 0.01),
    Case("ties, 2 digits", 300, 0.05, digits=2),
    Case("ties, 1 digit", 200, 0.10, digits=1),
    Case("ties, 1 digit", 1000, 0.02, digits=1),
    Case("nothing found on 2 %", 300, 0.05, nothing=0.02),
    Case("nothing found on 6 %: cannot be met", 300, 0.05, nothing=0.06),
    Case("3 columns, one threshold", 100, 0.05, columns=3),
    Case("3 columns, shaped", 600, 0.05, columns=3),
    Case("3 columns, shaped", 1200, 0.02, columns=3),
    Case("3 columns, shaped, ties", 600, 0.05, columns=3, digits=2),
    Case("groups of 10", 200, 0.05, size=10),
    Case("groups of 10 taken for parts (wrong)", 200, 0.05, size=10, as_parts=True),
)


def drawn(case: Case, count: int, rng: np.random.Generator, *, bad: bool) -> np.ndarray:
    """Scores `(count, columns)`."""
    shape = (count, case.columns)
    score = np.where(rng.random(shape) < NOISE_SHARE, rng.beta(*NOISE, shape), 0.0)
    if bad:
        own = rng.integers(0, case.columns, count)
        laws = np.array(LAWS[case.columns])[own]
        score[np.arange(count), own] = np.where(rng.random(count) < case.nothing, 0, rng.beta(laws[:, 0], laws[:, 1]))
    if case.digits is not None:
        score = np.round(score, case.digits)
    return np.where(score < FLOOR, 0, score)


def true_escape(case: Case, thresholds: list[float]) -> float:
    """P(every column stays below its threshold) of a bad part."""
    below_noise = [1 - NOISE_SHARE + NOISE_SHARE * below(case, t, NOISE) for t in thresholds]
    total = 0.0
    for own, law in enumerate(LAWS[case.columns]):
        missed = case.nothing + (1 - case.nothing) * below(case, thresholds[own], law)
        total += missed * np.prod([p for column, p in enumerate(below_noise) if column != own])
    return total / case.columns


def below(case: Case, threshold: float, law: tuple[float, float]) -> float:
    """P(rounded score < threshold)."""
    if case.digits is None:
        return float(beta.cdf(threshold, *law))
    steps = 10**case.digits
    return float(beta.cdf((np.ceil(round(threshold * steps, 6)) - 0.5) / steps, *law))


def study(case: Case, seed: int) -> dict[str, float | None]:
    """True escape rate by method; None where nothing was demonstrated."""
    rng = np.random.default_rng([case.bad, seed])
    good = 500 if case.columns > 1 else 50
    score = np.concatenate(
        [np.repeat(drawn(case, case.bad, rng, bad=True), case.size, axis=0), drawn(case, good, rng, bad=False)]
    )
    bad = np.arange(len(score)) < case.bad * case.size
    row_number = np.arange(len(score))
    group = np.where(bad & (not case.as_parts), row_number // case.size, len(score) + row_number)
    names = [f"c{i}" for i in range(case.columns)]
    found: dict[str, float | None] = {}
    for kind in ("ltt", "crc"):
        ask = Target(case.escape, CONFIDENCE, kind)
        answer = choose_operating_point(bad, score, group, names, ask, score_floor=FLOOR, seed=seed)
        point = isinstance(answer, OperatingPoint)
        found[kind] = true_escape(case, [t.review_score for t in answer.thresholds.values()]) if point else None
    found["naive"] = naive(case, score[bad], names)
    return found


def naive(case: Case, score: np.ndarray, names: list[str]) -> float:
    """One threshold for all columns, at which no more of these parts pass than the target."""
    family = family_of(names, [AsIs()] * len(names), FLOOR)
    level = np.sort(family.level(score))
    at = max(level[int(case.escape * len(level))], FLOOR)
    return true_escape(case, (family.thresholds(at) / STEPS).tolist())


def row(case: Case, studies: int) -> dict[str, object]:
    """Shares over all calibrations; one that is refused promises nothing and lets nothing pass."""
    started = time.perf_counter()
    results = [study(case, seed) for seed in range(studies)]
    seconds = time.perf_counter() - started
    rates = {kind: np.array([r[kind] for r in results], np.float64) for kind in ("ltt", "crc", "naive")}  # None → nan
    violations = {kind: int((rate > case.escape + 1e-12).sum()) for kind, rate in rates.items()}
    answered = {kind: ~np.isnan(rate) for kind, rate in rates.items()}
    mean = {kind: float(np.where(answered[kind], rate, 0).mean()) for kind, rate in rates.items()}
    noise = {kind: float(np.where(answered[kind], rate, 0).std() / np.sqrt(studies)) for kind, rate in rates.items()}
    # What chance alone would exceed once in a thousand where the promise is just kept.
    limit = int(binom.ppf(0.999, studies, 1 - CONFIDENCE))
    return {
        **asdict(case),
        "studies": studies,
        "ltt_answered": round(float(answered["ltt"].mean()), 4),
        "ltt_violated": round(violations["ltt"] / studies, 4),
        "ltt_mean_escape": round(mean["ltt"], 5),
        "ltt_kept": violations["ltt"] <= limit,
        "crc_answered": round(float(answered["crc"].mean()), 4),
        "crc_violated": round(violations["crc"] / studies, 4),
        "crc_mean_escape": round(mean["crc"], 5),
        "crc_kept": mean["crc"] <= case.escape + 3 * noise["crc"],
        "naive_violated": round(violations["naive"] / studies, 4),
        "naive_mean_escape": round(mean["naive"], 5),
        "seconds": round(seconds, 1),
    }


def say(line: str) -> None:
    """One line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Simulate, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="calibrations of each kind")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()
    facts: dict[str, Any] = {"machine": machine(), "confidence": CONFIDENCE, "rows": []}
    heads = ("LTT answers", "violated", "CRC answers", "mean/target", "naive violated")
    say(f"{'calibration':<38}{'bad':>6}{'target':>8}" + "".join(f"{head:>16}" for head in heads))
    for case in CASES:
        facts["rows"].append(found := row(case, options.studies))
        cells = [
            f"{found['ltt_answered']:.1%}",
            f"{found['ltt_violated']:.1%}{'' if found['ltt_kept'] else ' BROKEN'}",
            f"{found['crc_answered']:.1%}",
            f"{found['crc_mean_escape'] / case.escape:.2f}{'' if found['crc_kept'] else ' BROKEN'}",
            f"{found['naive_violated']:.1%}",
        ]
        say(f"{case.name:<38}{case.bad:>6}{case.escape:>8.0%}" + "".join(f"{cell:>16}" for cell in cells))
    if options.out:
        options.out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
