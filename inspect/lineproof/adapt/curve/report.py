"""What a study says: a table, the curve, predictions, the class that gains most, and what good parts bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lineproof.adapt.curve.good_parts import GoodParts, good_parts
from lineproof.adapt.curve.outcome import Counted, RunOutcome
from lineproof.data.formats.wording import some
from lineproof.proof.learning_curve import CONFIDENCE, LearningCurve, Point, Prediction, fit_learning_curve

FAR = 4  # times the largest size: beyond it the law, not the runs, decides what is predicted


@dataclass(frozen=True, slots=True, eq=False)
class StudyReport:
    """Everything that is shown, written and drawn."""

    outcomes: tuple[RunOutcome, ...]
    asked: tuple[int, ...]  # sizes to predict
    overall: LearningCurve
    per_class: dict[str, LearningCurve]  # of classes the held-out images show
    good: GoodParts

    @property
    def runs(self) -> list[RunOutcome]:
        """Those of the curve itself."""
        return [run for run in self.outcomes if run.arm == "all"]

    @property
    def sizes(self) -> list[int]:
        """Measured, ascending."""
        return sorted({run.images for run in self.runs})

    @property
    def predictions(self) -> list[Prediction]:
        """Of the overall figure; none where there is no curve."""
        return [self.overall.predict(size) for size in self.asked] if self.overall.fitted else []

    def class_gains(self) -> dict[str, Prediction]:
        """What each class rises by from the largest size measured to the first one asked for, most first."""
        if not self.asked:
            return {}
        now, then = self.sizes[-1], self.asked[0]
        gains = {name: curve.gain_between(now, then) for name, curve in self.per_class.items() if curve.fitted}
        return dict(sorted(gains.items(), key=lambda item: -item[1].expected))


def study_report(outcomes: Sequence[RunOutcome], asked: Sequence[int]) -> StudyReport:
    """Fit what the runs show; `asked` are sizes to predict."""
    runs = [run for run in outcomes if run.arm == "all"]
    classes = list(runs[0].per_class)
    shown = [name for name in classes if all(run.per_class[name] is not None for run in runs)]
    return StudyReport(
        tuple(outcomes),
        tuple(sorted(set(asked))),
        fit_learning_curve([Point(run.images, run.value or 0.0) for run in runs]),
        {name: fit_learning_curve([Point(run.images, run.per_class[name] or 0.0) for run in runs]) for name in shown},
        good_parts(outcomes),
    )


def report_dict(report: StudyReport) -> dict[str, object]:
    """For `curve.json` and `--json`."""
    first = report.runs[0]
    return {
        "figure": first.figure,
        "held_out": first.held_out,
        "confidence": CONFIDENCE,
        "law": "a - b * n^-c",
        "runs": [run.model_dump(mode="json", exclude={"recipe"}) for run in report.outcomes],
        "curve": _curve_dict(report, report.overall),
        "classes": {name: _curve_dict(report, curve) for name, curve in report.per_class.items()},
        "gains": {name: gain.as_dict() for name, gain in report.class_gains().items()},
        "good_parts": {"says": report.good.says, **report.good.figures},
        "advice": advice(report),
    }


def _curve_dict(report: StudyReport, curve: LearningCurve) -> dict[str, object]:
    if not curve.fitted:
        return {"fitted": False, "why_not": curve.why_not, "predictions": []}
    return {
        "fitted": True,
        "measured": [curve.predict(size).as_dict() for size in report.sizes],
        "predictions": [curve.predict(size).as_dict() for size in report.asked],
    }


def report_text(report: StudyReport) -> str:
    """The same for people."""
    figure = report.runs[0].figure
    held_out = report.runs[0]
    parts = held_out.escapes.of + held_out.overkill.of
    seeds = len({run.seed for run in report.runs})
    lines = [
        f"{len(report.sizes)} sizes, {seeds} seed{'s' * (seeds != 1)}; measured on {parts} images of split {held_out.held_out}",
        "",
        f"{'images':>7}{'good':>6}{figure:>12}{'of seeds':>16}{'escapes':>10}{'overkill':>10}",
    ]
    for size in report.sizes:
        runs = [run for run in report.runs if run.images == size]
        values = [run.value or 0.0 for run in runs]
        good = round(fmean(run.ok_images for run in runs))
        spread = f"{min(values):.3f}–{max(values):.3f}"
        escapes, overkill = (_share(counted) for counted in ([r.escapes for r in runs], [r.overkill for r in runs]))
        lines.append(f"{size:>7}{good:>6}{fmean(values):>12.3f}{spread:>16}{escapes:>10}{overkill:>10}")
    return "\n".join([*lines, "", *advice(report)])


def _share(counted: Sequence[Counted]) -> str:
    rates = [c.rate.value for c in counted if c.of]
    return f"{fmean(rates):.1%}" if rates else "–"


def advice(report: StudyReport) -> list[str]:
    """What to do, in sentences; what cannot be told is said, too."""
    return [*_expectations(report), *_gains(report), report.good.says]


def _expectations(report: StudyReport) -> list[str]:
    figure, largest = report.runs[0].figure, report.sizes[-1]
    if not report.overall.fitted:
        return [f"no prediction: {report.overall.why_not}"]
    lines = []
    for said in report.predictions:
        low, high = said.interval
        far = f"; far beyond the {largest} measured: read it as a guess" if said.images > FAR * largest else ""
        middle = f"90 % of runs: {low:.2f}–{high:.2f}"
        lines.append(f"at {said.images} images expect {figure} {said.expected:.2f} ({middle}{far})")
    return lines


def _gains(report: StudyReport) -> list[str]:
    """The class that gains most, if that can be told from noise."""
    unknown = [name for name in report.runs[0].per_class if name not in report.per_class]
    lines = [f"not in the held-out images, so nothing is known of: {some(unknown)}"] if unknown else []
    never = [name for name, curve in report.per_class.items() if all(point.value == 0 for point in curve.points)]
    if never:
        lines.append(f"never found at any size: {some(never)}")
    gains = report.class_gains()
    if not gains or len(report.per_class) < 2:
        return lines
    name, most = next(iter(gains.items()))
    now, then = report.sizes[-1], report.asked[0]
    if then <= now:
        return lines
    low, high = most.interval
    if low < 0.01:
        return [*lines, f"which class gains most from {now} to {then} images cannot be told: every gain may be none"]
    at = report.per_class[name].predict(then).expected
    rise = f"AP50 +{most.expected:.2f} to {at:.2f}, 90 %: +{low:.2f} to +{high:.2f}"
    return [*lines, f"class {name} gains most from {now} to {then} images: {rise}"]
