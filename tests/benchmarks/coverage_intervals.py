"""How often bounds hold what they say: exact intervals beside Wilson and Wald, and resampled parts beside counted images.

Coverage of the intervals is exact: the probabilities of all counts are summed, nothing is drawn. The lowest coverage is
the lowest over every rate between 0 and 1, not over a grid: between two neighbouring bounds the same counts hold the
rate, and their probability is smallest at one of the two ends. The binomial is scipy.stats', not the package's.
Clustered parts are drawn, beta-binomial with a seed.

    python tests/benchmarks/coverage_intervals.py --out tests/benchmarks/results/coverage_intervals_DATE.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from scipy.stats import binom, norm

from lineproof.proof.counts.clusters import PartCounts, bootstrap_by_part, clustering
from lineproof.proof.intervals import lower_bounds, upper_bound, upper_bounds, wilson

CONFIDENCE = 0.95
EVERY = range(1, 101)
LARGER = (200, 300, 500, 1000, 3000, 10_000)
GRID_TRIALS = (29, 59, 100, 300, 1000, 3000, 10_000)
GRID_RATES = (1e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5)
HELD, RESAMPLED = ("images counted", "effective number"), ("percentile", "bca")
# parts, images of a part (one number, or least and most), rate, correlation inside a part
CLUSTERED = (
    (100, 10, 0.02, 0.5),
    (300, 10, 0.01, 0.5),
    (300, 10, 0.03, 0.5),
    (300, 10, 0.10, 0.5),
    (300, 10, 0.03, 0.1),
    (300, (1, 20), 0.03, 0.5),
    (1000, 10, 0.01, 0.5),
    (1000, 10, 0.03, 0.5),
    (3000, 10, 0.01, 0.5),
    (1000, 1, 0.03, 0.001),
)


def one_sided(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(n + 1), upper_bounds(np.arange(n + 1), n, CONFIDENCE)


def two_sided(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, level = np.arange(n + 1), (1 + CONFIDENCE) / 2
    return lower_bounds(x, n, level), upper_bounds(x, n, level)


def score(n: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.array([wilson(x, n, CONFIDENCE) for x in range(n + 1)]).T
    return low, high


def wald(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Only here, to show what it is worth."""
    rate = np.arange(n + 1) / n
    half = norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(rate * (1 - rate) / n)
    return np.clip(rate - half, 0, 1), np.clip(rate + half, 0, 1)


METHODS = {"exact one-sided": one_sided, "exact two-sided": two_sided, "wilson": score, "wald": wald}


def coverage(n: int, low: np.ndarray, high: np.ndarray, rate: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Chance, at `rate`, of the counts whose interval holds `inside`; both bounds rise with the count."""
    first, last = np.searchsorted(high, inside, "left"), np.searchsorted(low, inside, "right") - 1
    return np.maximum(binom.cdf(last, n, rate) - binom.cdf(first - 1, n, rate), 0)


def lowest(n: int, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Lowest coverage over all rates, and where."""
    ends = np.unique(np.concatenate([[0.0, 1.0], low, high]))
    middle = (ends[:-1] + ends[1:]) / 2
    rates = np.concatenate([ends[:-1], ends[1:]])
    found = coverage(n, low, high, rates, np.tile(middle, 2))
    worst = int(found.argmin())
    return float(found[worst]), float(rates[worst])


def exact() -> dict[str, object]:
    """Lowest coverage by number of trials, and coverage on the grid."""
    result: dict[str, object] = {}
    for name, bounds in METHODS.items():
        worst = {n: lowest(n, *bounds(n)) for n in (*EVERY, *LARGER)}
        grid = {}
        for n in GRID_TRIALS:
            rates = np.array(GRID_RATES)
            grid[n] = np.round(coverage(n, *bounds(n), rates, rates), 4).tolist()
        small, where = min(worst.values())
        result[name] = {
            "lowest": round(small, 6),
            "lowest_at": float(f"{where:.3g}"),
            "lowest_of_1_to_100_trials": round(min(worst[n][0] for n in EVERY), 6),
            "lowest_by_trials": {n: round(worst[n][0], 6) for n in LARGER},
            "grid": grid,
        }
    return result


def clustered(studies: int, resamples: int) -> list[dict[str, object]]:
    """How often the one-sided 95 % bound holds the true rate, images counted and parts resampled."""
    rows = []
    for number, (parts, size, rate, icc) in enumerate(CLUSTERED):
        rng = np.random.default_rng(number)
        held: dict[str, list[bool]] = {name: [] for name in HELD}
        given: dict[str, list[bool]] = {method: [] for method in RESAMPLED}
        for study in range(studies):
            images = np.full(parts, size) if isinstance(size, int) else rng.integers(size[0], size[1] + 1, parts)
            share = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, parts)
            hits = rng.binomial(images, share)
            seen, of = int(hits.sum()), int(images.sum())
            held["images counted"].append(upper_bound(seen, of) >= rate)
            effect = clustering(PartCounts(hits, images)).design_effect
            fewer = int(of / effect)
            held["effective number"].append(upper_bound(min(int(np.ceil(seen / effect)), fewer), fewer) >= rate)
            for method, values in given.items():
                found = bootstrap_by_part(
                    hits, images, confidence=2 * CONFIDENCE - 1, method=method, resamples=resamples, seed=study
                )
                if found.interval is not None:
                    values.append(found.interval.high >= rate)
        row: dict[str, object] = {"parts": parts, "images_a_part": size, "rate": rate, "icc": icc}
        row["held"] = {name: round(float(np.mean(values)), 4) for name, values in held.items()}
        row["interval_given"] = round(len(given["bca"]) / studies, 4)
        for method, values in given.items():
            row["held"][f"resampled, {method}"] = round(float(np.mean(values)), 4) if values else None
        row["bca_too_low_of_all_studies"] = round(given["bca"].count(False) / studies, 4)
        rows.append(row)
    return rows


def speed() -> dict[str, float]:
    """Processor seconds for 100,000 parts and 2,000 resamples: the machine may be busy with other things."""
    rng = np.random.default_rng(0)
    hits = rng.random(100_000) < 0.01
    seconds = {}
    for name, trials in (("one decision a part", np.ones(100_000)), ("no two parts alike", 1 + rng.random(100_000))):
        begin = time.process_time()
        bootstrap_by_part(hits, trials, resamples=2000)
        seconds[name] = round(time.process_time() - begin, 2)
    return seconds


def table(result: dict[str, Any]) -> list[str]:
    intervals, columns = result["intervals"], (*HELD, *(f"resampled, {method}" for method in RESAMPLED))
    lines = [f"{'nominal 95 %, coverage':<30}{'lowest of all':>14}{'at rate':>9}" + rates("300 trials:")]
    for name, row in intervals.items():
        cells = "".join(f"{value:>8.3f}" for value in row["grid"]["300"])
        lines.append(f"{name:<30}{row['lowest']:>14.4f}{row['lowest_at']:>9.2g}{'':14}{cells}")
    lines += ["", f"{'parts × images, rate, ICC':<30}" + "".join(f"{c:>23}" for c in columns) + "    given  too low"]
    for row in result["clustered"]:
        head = f"{row['parts']} × {row['images_a_part']}, {row['rate']:g}, {row['icc']:g}"
        cells = ["–" if row["held"][c] is None else f"{row['held'][c]:.3f}" for c in columns]
        tail = f"{row['interval_given']:>9.3f}{row['bca_too_low_of_all_studies']:>9.3f}"
        lines.append(f"{head:<30}" + "".join(f"{cell:>23}" for cell in cells) + tail)
    return [*lines, "", f"100,000 parts × 2,000 resamples, processor seconds: {result['bootstrap_processor_seconds']}"]


def rates(head: str) -> str:
    return f"{head:>14}" + "".join(f"{rate:>8g}" for rate in GRID_RATES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    result = {
        "what": "coverage of nominal 95 % bounds on a rate; intervals exact, clustered parts drawn",
        "machine": machine(),
        "grid_rates": GRID_RATES,
        "intervals": exact(),
        "studies": args.studies,
        "resamples": args.resamples,
        "clustered": clustered(args.studies, args.resamples),
        "bootstrap_processor_seconds": speed(),
    }
    print("\n".join(table(json.loads(json.dumps(result)))))  # noqa: T201
    if args.out:
        args.out.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
