"""`lineproof prove study` and `lineproof prove agree`: an attribute agreement study, planned and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra

if TYPE_CHECKING:
    from lineproof.proof.agreement.assess import Agreement, Appraiser


def study(
    out: Annotated[Path, typer.Option(help="the sheet to fill in; the key is written beside it")],
    parts: Annotated[int, typer.Option(help="number of parts; a third should be borderline")] = 50,
    appraisers: Annotated[
        str, typer.Option(help="names, separated by commas; the machine is one of them")
    ] = "A,B,machine",
    trials: Annotated[int, typer.Option(help="how often everyone judges every part")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="of the random order")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Plan an agreement study: parts, appraisers and trials in a blind random order, as a sheet to fill in.

    Example: `lineproof prove study --parts 50 --appraisers "A,B,machine" --trials 3 --out study.csv`
    """
    require_extra("proof", "scipy")
    from lineproof.atomic import write_text
    from lineproof.errors import InputError
    from lineproof.proof.agreement.study import Kind, plan_study
    from lineproof.proof.intervals import clopper_pearson

    plan = plan_study(parts, appraisers.split(","), trials, seed)
    key = out.with_name(f"{out.stem}_key.csv")
    for path in (out, key):
        if path.exists():
            raise InputError(f"{path}: exists, and may be filled in already", hint="name another file")
    write_text(key, plan.key())
    write_text(out, plan.sheet())
    kinds = {kind.value: list(plan.kinds.values()).count(kind) for kind in Kind}
    best = clopper_pearson(parts, parts).low
    lines = [
        f"{out}: {len(plan.showings)} verdicts to fill in: good or bad, ok or ng, pass or fail, 1 or 0 (1 is good)",
        f"{key}: for whoever lays the parts out, nobody else: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()),
        "Take every part out and put it in anew before each trial of the machine.",
        "Fill in the rows of the reference last, by an expert panel.",
        f"At best, with every verdict right, an effectiveness above {best:.1%} is shown; an escape rate is not.",
        f"Then: lineproof prove agree {out}",
    ]
    facts: dict[str, object] = {
        "sheet": str(out),
        "key": str(key),
        "verdicts": len(plan.showings),
        "kinds": kinds,
        "effectiveness_shown_at_best": round(best, 4),
    }
    emit(facts, "\n".join(lines), as_json=as_json)


def agree(
    sheet: Annotated[Path, typer.Argument(help="the filled sheet")],
    machine: Annotated[
        str, typer.Option(help="the appraiser that is no person; default: `machine`, if there is one")
    ] = "",
    refixtured: Annotated[
        bool, typer.Option("--refixtured", help="every part was put in anew before each trial of the machine")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Read a filled study: effectiveness, repeatability, misses, false alarms and κ, with bounds.

    Example: `lineproof prove agree study.csv`
    """
    require_extra("proof", "scipy")
    from lineproof.proof.agreement.assess import assess
    from lineproof.proof.agreement.study import read_study

    filled = read_study(sheet)
    if not machine:
        machine = next((name for name in filled.appraisers if name.casefold() == "machine"), "")
    result = assess(filled, machine, refixtured=refixtured)
    emit(result.as_dict(), render(result), as_json=as_json)


def render(result: Agreement) -> str:
    """The figures as text tables."""
    from lineproof.proof.agreement.assess import kappa_word

    good = result.parts - result.bad_parts
    lines = [f"{result.parts} parts ({result.bad_parts} bad, {good} good by the reference), {result.trials} trials"]
    for appraiser in result.appraisers:
        lines += ["", appraiser.name, *_of_appraiser(appraiser)]
        lines.append(f"  κ with reference  {appraiser.kappa}: {kappa_word(appraiser.kappa)}")
    lines += ["", "together"]
    if result.between:
        lines.append(f"  all alike         {result.between}")
    lines.append(f"  all right         {result.system}")
    lines += [f"  κ {f'{p.first} – {p.second}':<16}{p.kappa}: {kappa_word(p.kappa)}" for p in result.pairs]
    if result.fleiss:
        lines.append(f"  Fleiss' κ         {result.fleiss}: {kappa_word(result.fleiss)}")
    return "\n".join([*lines, "", *result.notes])


def _of_appraiser(appraiser: Appraiser) -> list[str]:
    return [
        f"  effectiveness     {appraiser.effectiveness}",
        f"  repeatability     {appraiser.repeatability or 'not measured with one trial'}",
        f"  misses            {appraiser.miss}",
        f"    parts, at least once  {appraiser.missed_parts}",
        f"  false alarms      {appraiser.false_alarm}",
        f"    parts, at least once  {appraiser.alarmed_parts}",
    ]
