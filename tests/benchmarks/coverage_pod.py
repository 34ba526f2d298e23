"""How often a90/95 is what it says: at or above the true a90 in 95 % of simulated studies, or infinite.

Every study draws hits and misses from a known curve and bounds a90 as the package does. First the three bounds over the
true scale, as in MIL-HDBK-1823A; then, because nobody knows the true scale, the Wald band over the scale with the smaller
deviance, and the largest bound of the scales that are open, which is what `lineproof.proof.pod.probability` answers.

    python tests/benchmarks/coverage_pod.py --out tests/benchmarks/results/coverage_pod_DATE.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from machine import machine
from scipy.special import expit
from scipy.stats import chi2, norm

from lineproof.proof.pod.fit import OPEN_DEVIANCE
from lineproof.proof.pod.logistic import solve_logistic

NOMINAL, TARGET = 0.95, np.log(9)
Z, DROP = norm.ppf(NOMINAL), chi2.ppf(2 * NOMINAL - 1, 1) / 2


class Truth(NamedTuple):
    """A curve, and the sizes that a study tests."""

    name: str
    intercept: float
    slope: float
    scale: Callable[[np.ndarray], np.ndarray]
    sizes: Callable[[int], np.ndarray]

    @property
    def x90(self) -> float:
        return (TARGET - self.intercept) / self.slope

    @property
    def a90(self) -> float:
        return float(np.exp(self.x90)) if self.scale is np.log else self.x90


TRUTHS = (
    Truth(
        "logit 1.5 + 3 ln(a / 0.5), a log-spaced 0.1 – 3",
        1.5 - 3 * np.log(0.5),
        3.0,
        np.log,
        lambda n: np.geomspace(0.1, 3, n),
    ),
    Truth("logit -3.2 + 7.5 a, a evenly spaced 0.05 – 1.5", -3.2, 7.5, np.asarray, lambda n: np.linspace(0.05, 1.5, n)),
)


class Fits(NamedTuple):
    """Of all studies of one size over one scale."""

    x: np.ndarray  # (n,)
    intercept: np.ndarray  # (s,)
    slope: np.ndarray
    of_mean: np.ndarray  # variance of the linear predictor at `centre`
    of_slope: np.ndarray  # variance of the slope
    centre: np.ndarray
    likelihood: np.ndarray

    def error(self, x: float | np.ndarray) -> np.ndarray:
        """Standard error of the linear predictor at x."""
        return np.sqrt(self.of_mean + (x - self.centre) ** 2 * self.of_slope)


def fit(x: np.ndarray, hit: np.ndarray) -> tuple[Fits, np.ndarray]:
    """Fits of the studies `(s, n)`, none separated, and which of them converged."""
    solved = solve_logistic(np.broadcast_to(x, hit.shape), hit, np.ones_like(hit))
    eta = solved.intercept[:, None] + solved.slope[:, None] * x
    weight = expit(eta) * expit(-eta)
    total = weight.sum(axis=1)
    centre = (weight * x).sum(axis=1) / total
    of_slope = 1 / (weight * (x - centre[:, None]) ** 2).sum(axis=1)
    return Fits(x, solved.intercept, solved.slope, 1 / total, of_slope, centre, likelihood(eta, hit)), solved.converged


def likelihood(eta: np.ndarray, hit: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, np.where(hit > 0, -eta, eta)).sum(axis=1)


def delta_holds(fits: Fits, x90: float) -> np.ndarray:
    estimate = (TARGET - fits.intercept) / fits.slope
    return estimate + Z * fits.error(estimate) / fits.slope >= x90


def wald_holds(fits: Fits, x90: float) -> np.ndarray:
    infinite = fits.slope <= Z * np.sqrt(fits.of_slope)
    return infinite | (fits.intercept + fits.slope * x90 - Z * fits.error(x90) <= TARGET)


def ratio_holds(fits: Fits, x90: float, hit: np.ndarray) -> np.ndarray:
    """The likeliest curve through (x90, 90 %) by bisection of its score, which falls with the slope."""
    low, high = -np.abs(fits.slope), 3 * np.abs(fits.slope)
    away = fits.x - x90
    for _ in range(40):
        slope = (low + high) / 2
        rising = ((hit - expit(TARGET + slope[:, None] * away)) * away).sum(axis=1) > 0
        low, high = np.where(rising, slope, low), np.where(rising, high, slope)
    drop = fits.likelihood - likelihood(TARGET + low[:, None] * away, hit)
    return (fits.intercept + fits.slope * x90 <= TARGET) | (drop <= DROP)


def simulate(truth: Truth, count: int, studies: int, rng: np.random.Generator) -> dict[str, object]:
    """Coverage over the studies that can be fitted."""
    size = truth.sizes(count)
    hit = (rng.random((studies, count)) < expit(truth.intercept + truth.slope * truth.scale(size))).astype(np.float64)
    largest_miss = np.where(hit == 0, size, 0).max(axis=1)
    smallest_hit = np.where(hit == 1, size, np.inf).min(axis=1)
    hit = hit[largest_miss > smallest_hit]
    by_log, log_converged = fit(np.log(size), hit)
    by_size, size_converged = fit(size, hit)
    true = by_log if truth.scale is np.log else by_size
    log_holds, size_holds = wald_holds(by_log, np.log(truth.a90)), wald_holds(by_size, truth.a90)
    gain = 2 * (by_log.likelihood - by_size.likelihood)  # what the deviance is smaller by over ln a
    held = {
        "delta": delta_holds(true, truth.x90),
        "wald": wald_holds(true, truth.x90),
        "likelihood_ratio": ratio_holds(true, truth.x90, hit),
        "wald_of_better_scale": np.where(gain > 0, log_holds, size_holds),
        "wald_of_open_scales": np.where(
            gain > OPEN_DEVIANCE, log_holds, np.where(gain < -OPEN_DEVIANCE, size_holds, log_holds | size_holds)
        ),
    }
    fitted = log_converged & size_converged & (true.slope > 0)
    return {
        "truth": truth.name,
        "defects": count,
        "not_fittable": studies - int(fitted.sum()),
        **{name: round(float(column[fitted].mean()), 4) for name, column in held.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1823)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    about, began = machine(), time.perf_counter()
    rng = np.random.default_rng(args.seed)
    rows = [simulate(truth, count, args.studies, rng) for truth in TRUTHS for count in (40, 60, 120, 300)]
    names = [name for name in rows[0] if name != "truth"]
    for truth in TRUTHS:
        print(f"\n{truth.name}\n" + "  ".join(names))  # noqa: T201
        for row in rows:
            if row["truth"] == truth.name:
                print("  ".join(f"{row[name]:>{len(name)}}" for name in names))  # noqa: T201
    seconds = round(time.perf_counter() - began, 1)
    print(f"\n{args.studies} studies a row, nominal {NOMINAL}, {seconds} s")  # noqa: T201
    if args.out:
        result = {"machine": about, "studies": args.studies, "seed": args.seed, "nominal": NOMINAL, "seconds": seconds}
        args.out.write_text(json.dumps({**result, "rows": rows}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
