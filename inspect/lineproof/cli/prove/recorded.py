"""`lineproof prove recorded`: what parts show that a line has decided and somebody has looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, messages, require_extra

if TYPE_CHECKING:
    from lineproof.proof.recorded import RecordedProof


def recorded(
    table: Annotated[Path, typer.Argument(metavar="PARTS.csv", help="columns part,truth,decision[,group,size,class]")],
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="of the one-sided bounds")] = 0.95,
    goal: Annotated[
        float, typer.Option(min=1e-6, max=0.5, help="plan how many more bad parts this escape takes")
    ] = 0.01,
    unit: Annotated[Literal["px", "mm"], typer.Option(help="of the sizes")] = "px",
    plot: Annotated[
        Path | None, typer.Option(help="also draw the probability of detection to this PNG", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bound escape and overkill of parts whose truth is known by now: a field trial, re-inspected parts, a lot.

    Truth is good or bad, decision PASS, FAIL, REVIEW or FAULT, size that of the largest defect. Rows of one part, or of
    one group, are resampled together. `lineproof records export` writes the decisions; add the truth.

    Example: `lineproof prove recorded trial.csv --unit mm --plot pod.png`
    """
    require_extra("proof", "scipy", "matplotlib", "jinja2", "faster_coco_eval")
    from lineproof.proof.recorded import prove_recorded, read_recorded

    shown = prove_recorded(read_recorded(table), unit)
    plan = shown.claims.plan(goal, confidence)
    sentence = shown.claims.sentence(confidence)
    facts = {"sentence": sentence, **shown.as_dict(), "plan": plan.as_dict() if plan else None}
    lines = [sentence, "", *_lines(shown)]
    if plan is not None:
        from lineproof.proof.report.facts import plan_words

        lines += ["", plan_words(plan)]
    emit(facts, "\n".join(lines), as_json=as_json)
    if plot is not None and shown.pods:
        _draw(plot, shown)
        messages.print(f"written: {plot}", markup=False)


def _lines(shown: RecordedProof) -> list[str]:
    lines = [
        f"escapes   {shown.claims.escape}",
        f"overkill  {shown.claims.overkill}",
        f"review    {shown.claims.review}",
    ]
    for name, own in (("escapes", shown.escape), ("overkill", shown.overkill)):
        if own is not None and own.interval is not None:
            low, high = own.interval
            lines.append(f"{name}, {own.parts} parts resampled {own.resamples:,} times: {low:.2%} – {high:.2%}")
    if shown.repeats is not None and shown.repeats.warning:
        lines.append(f"note: {shown.repeats.warning}")
    return lines + [str(pod) for pod in shown.pods.values()]


def _draw(plot: Path, shown: RecordedProof) -> None:
    from lineproof.atomic import write_bytes
    from lineproof.proof.pod.plot import pod_figure
    from lineproof.proof.report.page import plot_png

    write_bytes(plot, plot_png(pod_figure(list(shown.pods.values()))))
