"""An acceptance as the facts of its page, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from lineproof.core import Decision
from lineproof.proof.acceptance import ALL, Acceptance, Point, Question
from lineproof.proof.claim import percent_up
from lineproof.proof.counts.counted import Counted
from lineproof.proof.counts.planner import ALLOWED_MISSES, Supportable, parts_needed
from lineproof.proof.pod.plot import pod_figure
from lineproof.proof.pod.probability import Pod
from lineproof.proof.point.answer import NotDemonstrated, OperatingPoint
from lineproof.proof.point.calibration import reliability_table
from lineproof.proof.point.cost import Costs, cost_curve
from lineproof.proof.point.cost_plot import cost_figure
from lineproof.proof.point.guarantee import ASSUMES
from lineproof.proof.point.reliability_plot import reliability_figure
from lineproof.proof.report.page import plot_url
from lineproof.proof.requirements import Answer
from lineproof.proof.slices import Slice
from lineproof.rules.fusion import in_words

RULES = {
    "iou": "boxes that overlap by half (IoU 0.5)",
    "centre": "its centre lies in the defect's box",
    "overlap": "any overlap",
}
VOID_WHEN = (
    "the camera, lens, lighting, or where any of them stands, is changed",
    "the product, its material or its process is changed, or a new kind of defect appears",
    "the bundle, the thresholds or the rules of the line are changed: their digests are above",
    "the monitors of the line report drift",
)


@dataclass(frozen=True, slots=True)
class Card:
    """One picture of a failure."""

    name: str
    words: str
    src: str  # data URL


@dataclass(frozen=True, slots=True)
class About:
    """Everything on the page that was not measured."""

    bundle_name: str
    at: datetime
    by: str
    warnings: Sequence[str]
    requirements: Sequence[Answer]
    escapes: Sequence[Card]
    overkill: Sequence[Card]
    rests_on: Sequence[tuple[str, str]]


def page_facts(acceptance: Acceptance, question: Question, about: About) -> dict[str, Any]:
    """What `acceptance.html.j2` asks for."""
    claims = acceptance.claims
    return {
        "title": f"Acceptance report: {about.bundle_name}",
        "bundle": {"name": about.bundle_name},
        "made_at": f"{about.at:%Y-%m-%d %H:%M} UTC, {about.by}",
        "sentence": claims.sentence(question.confidence),
        "warnings": [*about.warnings, *_own_warnings(acceptance)],
        "requirements": [answer.as_dict() for answer in about.requirements],
        "counted": _counted(acceptance, question),
        "tiles": _tiles(acceptance, question.confidence),
        "decisions": [decision.value for decision in Decision],
        "table": claims.rates.table,
        "plan": _plan(acceptance),
        "pod": _pod(acceptance, question),
        "point": _point(acceptance.point),
        "failures": [
            {"title": f"Escapes: {claims.escape.count}", "cards": about.escapes},
            {"title": f"Overkill: {claims.overkill.count}", "cards": about.overkill},
        ],
        "slices": [_slice(row) for row in acceptance.slices],
        "suspects": [{"name": part.part, "words": part.words} for part in acceptance.worst.suspects],
        "rests_on": about.rests_on,
        "void_when": VOID_WHEN,
    }


def _own_warnings(acceptance: Acceptance) -> list[str]:
    answer, claims = acceptance.point.answer, acceptance.claims
    found = [f"Not demonstrated on the calibration parts: {answer}."] if isinstance(answer, NotDemonstrated) else []
    if not claims.escape.of:
        found.append("There was no bad part: how many escape cannot be estimated.")
    if not claims.overkill.of:
        found.append("There was no good part: how many are stopped for nothing cannot be estimated.")
    if acceptance.repeats is not None and acceptance.repeats.warning:
        found.append(f"{acceptance.repeats.warning[0].upper()}{acceptance.repeats.warning[1:]}")
    return found


def _counted(acceptance: Acceptance, question: Question) -> str:
    parts, images = len(acceptance.parts), sum(len(rows) for rows in acceptance.parts.images)
    if question.unit == "image":
        return f"{images} images, each counted as one part; images of one part were resampled together."
    if images == parts:
        return f"{parts} parts, one image each."
    return f"{parts} parts with {images} images. A part is stopped when {in_words(question.fusion)} of it is."


def _tiles(acceptance: Acceptance, confidence: float) -> list[dict[str, str]]:
    claims = acceptance.claims
    return [
        _tile("bad parts that passed", claims.escape, confidence),
        _tile("good parts that did not pass", claims.overkill, confidence),
        {
            "name": "parts sent to a person",
            "value": f"{claims.review.count} of {claims.review.of}",
            "words": f"{claims.review.count / claims.review.of:.1%}" if claims.review.of else "",
        },
        {"name": "image to decision, p99", "value": f"{acceptance.latency_p99_ms:.1f} ms", "words": "on this machine"},
    ]


def _tile(name: str, rate: Counted, confidence: float) -> dict[str, str]:
    if not rate.of:
        return {"name": name, "value": "unknown", "words": "there was no such part"}
    low, high = rate.interval
    words = f"at most {percent_up(rate.upper(confidence))} with {100 * confidence:g} % confidence"
    return {"name": name, "value": f"{rate.count} of {rate.of}", "words": f"{words}; two-sided {low:.1%} – {high:.1%}"}


def plan_words(plan: Supportable) -> str:
    """What the bad parts at hand support, and how many more it takes."""
    goal = f"escape ≤ {100 * plan.target:.3g} % with {100 * plan.confidence:g} % confidence"
    if plan.supported:
        return f"These {plan.parts} bad parts support {goal}."
    words = [f"{plan.parts} bad parts with {plan.misses} missed do not support {goal}."]
    words.append(f"{plan.more_without_miss} more would, if none of them is missed.")
    if plan.misses:
        more = plan.more_at_observed_rate
        words.append(
            "As many as now are missed, no number of parts would: the model must get better."
            if more is None
            else f"If misses go on as they did, it takes {more} more."
        )
    return " ".join(words)


def _plan(acceptance: Acceptance) -> dict[str, Any]:
    plan = acceptance.plan
    if plan is None:
        return {"words": "Without a bad part nothing can be said about escapes: collect bad parts first.", "rows": []}
    if plan.supported:
        return {"words": plan_words(plan), "rows": []}
    rows = []
    for misses in sorted({*ALLOWED_MISSES, plan.misses}):
        needed = parts_needed(plan.target, plan.confidence, misses)
        missing = f"{max(needed - plan.parts, 0)}" if misses >= plan.misses else "–"
        rows.append({"misses": misses, "parts": needed, "missing": missing})
    fixed = "Fix the number before the first part is inspected; stopping when it fits is no proof."
    return {"words": f"{plan_words(plan)} {fixed}", "rows": rows}


def _pod(acceptance: Acceptance, question: Question) -> dict[str, Any] | None:
    pods = acceptance.pods
    together = pods[ALL]
    if not together.found.of:
        return None
    panels = [together, *(pod for name, pod in pods.items() if name != ALL and pod.curve and len(pods) > 2)]
    size = "not demonstrated" if together.a90_95 is None else f"{together.a90_95:.3g} {together.unit}"
    words = f"Defects of {size} and more are found with a probability of at least 90 %, with 95 % confidence."
    if together.a90_95 is None:
        words = f"From which size on defects are found is not demonstrated: {together.why_not}."
        words += f" What to do: {together.remedy}." if together.remedy else ""
    return {
        "words": words,
        "plot": plot_url(pod_figure(panels, "", beside=2)),
        "wide": len(panels) > 1,
        "rows": [_pod_row(pod) for pod in pods.values()],
        "notes": [
            f"{pod.name}: {text}" for pod in pods.values() for text in (pod.why_not, *pod.warnings) if _new(text)
        ],
        "unit": together.unit,
        "rule": RULES[question.rule] + ("" if question.class_matters else ", of any class"),
    }


def _new(text: str) -> bool:
    """Not said by the table already."""
    return bool(text) and not text.startswith(("a50 lies outside", "a90 lies outside"))


def _pod_row(pod: Pod) -> dict[str, str | int]:
    always = pod.always_found
    return {
        "name": pod.name,
        "defects": pod.found.of,
        "found": pod.found.count,
        "a50": _inside(pod, 0.5),
        "a90": _inside(pod, 0.9),
        "a90_95": "not demonstrated" if pod.a90_95 is None else _size(pod.a90_95),
        "always": "–" if always is None else f"{always.size:.3g} ({always.count})",
    }


def _inside(pod: Pod, probability: float) -> str:
    """A size of the curve, unless nothing of that size was tested."""
    size = pod.curve.size_at(probability) if pod.curve else None
    if size is None:
        return "–"
    return _size(size) if pod.data.x.min() <= size <= pod.data.x.max() else "outside"


def _size(value: float) -> str:
    return f"{value:.3g}"


def _point(point: Point) -> dict[str, Any]:
    rows = [
        {"name": limit.name, "review": _score(limit.review_score), "score": _score(limit.score)}
        for limit in point.limits
    ]
    guaranteed = isinstance(point.answer, OperatingPoint) and point.answer.guarantee is not None
    return {
        "words": _point_words(point),
        "assumes": ASSUMES if guaranteed else (),
        "rows": rows,
        "plots": _point_plots(point),
    }


def _score(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _point_words(point: Point) -> str:
    answer = point.answer
    if answer is None:
        return "The thresholds are those that the bundle was sealed with; nothing was chosen here."
    if isinstance(answer, NotDemonstrated):
        return f"{answer}. The thresholds are those that the bundle was sealed with."
    where = f"on {answer.measured_on} calibration parts"
    if answer.guarantee is not None:
        return f"Chosen {where} for a target. What holds for parts like them: {answer.guarantee}."
    if isinstance(answer.asked, Costs) and answer.cost is not None:
        prices = answer.asked
        return (
            f"Chosen by price, measured {where}: an escape costs {prices.escape:g}, overkill {prices.overkill:g}, "
            f"{prices.prior:.2%} of parts are bad. Expected cost of a part: {answer.cost:.3g}. No rate is guaranteed by prices."
        )
    return f"Chosen {where}."


def _point_plots(point: Point) -> list[dict[str, str]]:
    """How far the probabilities can be trusted, and what each threshold would cost."""
    answer, parts = point.answer, point.calibration
    if not isinstance(answer, OperatingPoint) or parts is None or not answer.shaped_on:
        return []
    level = answer.family.level(parts.score)
    rows = reliability_table(parts.bad, np.clip(level, 0, 1))
    plots = [{"alt": "reliability", "src": plot_url(reliability_figure(rows, "Said and seen, calibration parts"))}]
    if isinstance(answer.asked, Costs):
        curve = cost_curve(parts.bad, level, parts.group, answer.asked)
        plots.append({"alt": "cost over the threshold", "src": plot_url(cost_figure(curve, "Cost over the threshold"))})
    return plots


def _slice(row: Slice) -> dict[str, object]:
    low, high = row.found.interval
    return {
        "of": row.of,
        "name": row.name,
        "count": row.found.count,
        "total": row.found.of,
        "share": f"{row.found.value:.0%}",
        "interval": f"{low:.0%} – {high:.0%}",
        "weak": row.weak,
    }
