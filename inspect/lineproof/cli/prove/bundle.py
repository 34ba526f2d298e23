"""`lineproof prove BUNDLE DATASET`: thresholds, bounds, report; seals proof.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, messages, require_extra
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.proof.acceptance import Acceptance, Question
    from lineproof.proof.point.ask import ReviewBudget, Target
    from lineproof.proof.point.cost import Costs
    from lineproof.proof.requirements import Answer
    from lineproof.rules.fusion import Fusion


def bundle(
    bundle: Annotated[Path, typer.Argument(help="a sealed bundle folder; the proof is written into it")],
    dataset: Annotated[Path, typer.Argument(help="a dataset folder with parts that training never saw")],
    line: Annotated[
        Path | None, typer.Option(help="the line file whose rules and regions decide; default: none")
    ] = None,
    split: Annotated[str, typer.Option(help="the locked parts that are counted")] = "test",
    calibrate: Annotated[
        str, typer.Option(help="the parts that thresholds are chosen on, when any is asked for")
    ] = "val",
    escape: Annotated[
        float | None, typer.Option(help="choose thresholds: escape at most this, least overkill", show_default=False)
    ] = None,
    confidence: Annotated[float, typer.Option(help="of every one-sided bound")] = 0.95,
    guarantee: Annotated[
        Literal["ltt", "crc"], typer.Option(help="with --escape: with confidence (ltt), or on average (crc)")
    ] = "ltt",
    cost_escape: Annotated[
        float | None, typer.Option(help="choose thresholds by price: of a bad part that passes", show_default=False)
    ] = None,
    cost_overkill: Annotated[
        float | None, typer.Option(help="… of a good part that is stopped", show_default=False)
    ] = None,
    cost_review: Annotated[
        float | None, typer.Option(help="… of a part that a person looks at", show_default=False)
    ] = None,
    prior: Annotated[float | None, typer.Option(help="share of bad parts on the line", show_default=False)] = None,
    review_budget: Annotated[
        float | None, typer.Option(help="share of parts that people can look at, 0.02 for 2 %", show_default=False)
    ] = None,
    parts: Annotated[
        Literal["part", "image"], typer.Option(help="part: images of a group are views of one; image: each is a part")
    ] = "part",
    views: Annotated[str, typer.Option(help="a part is stopped when any, all, or so many of its views are")] = "any",
    match: Annotated[
        Literal["auto", "iou", "centre", "overlap"],
        typer.Option(help="when a detection counts for a defect; auto: iou, of a classifier overlap"),
    ] = "auto",
    any_class: Annotated[bool, typer.Option("--any-class", help="a defect counts as found under any name")] = False,
    mm_per_px: Annotated[float | None, typer.Option(help="default: that of the line file", show_default=False)] = None,
    require: Annotated[
        str | None, typer.Option(help="requirements, by name or file: exit 1 unless all are met", show_default=False)
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="a filled sheet of `prove study`, for requirements", show_default=False)
    ] = None,
    goal: Annotated[
        float | None, typer.Option(help="plan how many more parts this escape rate takes", show_default=False)
    ] = None,
    by: Annotated[str | None, typer.Option(help="who proves; default: the user's name", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of the report; default: proof, beside the bundle", show_default=False)
    ] = None,
    no_seal: Annotated[bool, typer.Option("--no-seal", help="only report; leave the bundle as it is")] = False,
    provider: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or tensorrt")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Bound what a bundle misses on locked parts, write the report, and seal the proof into the bundle.

    Thresholds are chosen on the calibration parts only, and only when asked for. Exit 1: a requirement is not met, or
    what was asked is not demonstrated; the report says what is.

    Example: `lineproof prove runs/tiles/bundle data/tiles --escape 0.05 --review-budget 0.05`
    """
    require_extra("proof", "scipy", "matplotlib", "jinja2", "faster_coco_eval")
    from lineproof.cli.prove.run import Asked, prove

    asked = Asked(
        question=_question(
            ask=_ask(escape, confidence, guarantee, cost_escape, cost_overkill, cost_review, prior),
            review=_review(review_budget, prior),
            unit=parts,
            fusion=fusion_of(views),
            rule=None if match == "auto" else match,
            class_matters=not any_class,
            mm_per_px=mm_per_px,
            confidence=confidence,
            goal=goal,
        ),
        line=line,
        split=split,
        calibrate=calibrate,
        provider=provider,
        by=by,
        out=out or bundle.absolute().parent / "proof",
        seal=not no_seal,
        require=require,
        study=study,
        automatic_match=match == "auto",
    )
    proven = prove(bundle, dataset, asked)
    emit(proven.facts, render(proven.acceptance, asked.question, proven.answers, proven.notes), as_json=as_json)
    for path in proven.files:
        messages.print(f"written: {path}", markup=False)
    if not proven.yes:
        raise typer.Exit(1)


def render(acceptance: Acceptance, question: Question, answers: tuple[Answer, ...], notes: tuple[str, ...]) -> str:
    """The claim, what it was counted on, and every requirement, for a terminal."""
    claims = acceptance.claims
    lines = [claims.sentence(question.confidence), ""]
    lines += [f"escapes   {claims.escape}", f"overkill  {claims.overkill}", f"review    {claims.review}", ""]
    lines.append(f"{'truth':<8}" + "".join(f"{d:>8}" for d in claims.rates.table["bad"]))
    lines += [f"{kind:<8}" + "".join(f"{n:>8}" for n in row.values()) for kind, row in claims.rates.table.items()]
    lines += ["", *(str(pod) for pod in acceptance.pods.values() if pod.found.of)]
    if acceptance.plan is not None:
        from lineproof.proof.report.facts import plan_words

        lines += ["", plan_words(acceptance.plan)]
    if answers:
        lines += ["", *(str(answer) for answer in answers)]
    if notes:
        lines += ["", *(f"note: {note}" for note in notes)]
    return "\n".join(lines)


def _ask(
    escape: float | None,
    confidence: float,
    guarantee: Literal["ltt", "crc"],
    cost_escape: float | None,
    cost_overkill: float | None,
    cost_review: float | None,
    prior: float | None,
) -> Target | Costs | None:
    from lineproof.proof.point.ask import Target
    from lineproof.proof.point.cost import Costs

    prices = {"--cost-escape": cost_escape, "--cost-overkill": cost_overkill}
    given = [name for name, value in (*prices.items(), ("--cost-review", cost_review)) if value is not None]
    if escape is not None:
        if given:
            raise InputError(f"--escape and {given[0]}: thresholds are chosen by one or the other", hint="drop one")
        return Target(escape, confidence, guarantee)
    if not given:
        return None
    missing = [name for name, value in (*prices.items(), ("--prior", prior)) if value is None]
    if missing or cost_escape is None or cost_overkill is None or prior is None:
        raise InputError(
            f"{given[0]}: {missing[0]} is missing", hint="prices need --cost-escape, --cost-overkill and --prior"
        )
    return Costs(cost_escape, cost_overkill, prior, cost_review)


def _review(share: float | None, prior: float | None) -> ReviewBudget | None:
    from lineproof.proof.point.ask import ReviewBudget

    return None if share is None else ReviewBudget(share, prior)


def fusion_of(views: str) -> Fusion:
    """What `--views` says; raises InputError."""
    if views == "any":
        return "any"
    if views == "all":
        return "all"
    if views.isdigit() and int(views) > 0:
        return int(views)
    raise InputError(
        f"--views {views!r}: expected any, all or a number", hint="2: a part is stopped by two of its views"
    )


def _question(**facts: object) -> Question:
    from lineproof.proof.acceptance import Question

    if facts["rule"] is None:
        del facts["rule"]
    return Question(**facts)  # type: ignore[arg-type]
