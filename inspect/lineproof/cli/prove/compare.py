"""`lineproof prove compare A B DATASET`: the gate that a new model must pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, messages, require_extra
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.cli.prove.subject import Subject
    from lineproof.proof.comparison import Comparison, Disagreement
    from lineproof.proof.parts import Parts
    from lineproof.proof.report.comparison import PairCard
    from lineproof.proof.seen import Seen
    from lineproof.rules.judge import Limit

_CARDS = 24


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="the bundle that decides now")],
    b: Annotated[Path, typer.Argument(metavar="B", help="the bundle that may take its place")],
    dataset: Annotated[Path, typer.Argument(help="a dataset folder with parts that neither was trained on")],
    line: Annotated[Path | None, typer.Option(help="the line file whose rules decide; default: none")] = None,
    split: Annotated[str, typer.Option(help="the locked parts that are counted")] = "test",
    parts: Annotated[
        Literal["part", "image"], typer.Option(help="part: images of a group are views of one; image: each is a part")
    ] = "part",
    views: Annotated[str, typer.Option(help="a part is stopped when any, all, or so many of its views are")] = "any",
    by: Annotated[str | None, typer.Option(help="who compares; default: the user's name", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of the page; default: comparison, beside B", show_default=False)
    ] = None,
    provider: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or tensorrt")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Compare two bundles on the same parts: exact McNemar, the difference with its interval, and where they disagree.

    Exit 1: B was shown to let more bad parts pass, or to stop more good ones.

    Example: `lineproof prove compare runs/old/bundle runs/new/bundle data/tiles`
    """
    require_extra("proof", "scipy", "matplotlib", "jinja2", "faster_coco_eval")
    import numpy as np

    from lineproof.atomic import write_json, write_text
    from lineproof.cli.prove.bundle import fusion_of
    from lineproof.cli.prove.subject import look_words, open_subject
    from lineproof.data.dataset import open_dataset
    from lineproof.proof.comparison import compare_bundles
    from lineproof.proof.parts import parts_of
    from lineproof.proof.report.comparison import Compared, comparison_facts, passes, sentence
    from lineproof.proof.report.page import render

    data = open_dataset(dataset)
    subjects = [open_subject(path, data, line, provider) for path in (a, b)]
    if subjects[0].bundle.digest == subjects[1].bundle.digest:
        raise InputError(f"{a} and {b} are the same bundle", hint="name two")
    looks = [subject.look_at_locked(split, by) for subject in subjects]
    counted = [
        parts_of(
            look.seen.samples,
            look.seen.found,
            subject.limits,
            names=look.seen.names,
            unit=parts,
            fusion=fusion_of(views),
        )
        for subject, (look, _, _) in zip(subjects, looks, strict=True)
    ]
    if (counted[0].bad != counted[1].bad).any():
        raise InputError("the two bundles do not agree on which parts are bad", hint="they know different classes")
    comparison = compare_bundles(
        counted[0].names,
        counted[0].bad,
        counted[0].passed(subjects[0].limits),
        counted[1].passed(subjects[1].limits),
    )
    notes = [
        f"{name}: {text}"
        for name, (_, opened, unchecked) in zip("AB", looks, strict=True)
        for text in (unchecked, look_words(opened))
        if text
    ]
    if len(np.unique(counted[0].group)) < len(counted[0]):
        notes.append("Images of one part were counted as parts of their own: p and intervals look surer than they are.")
    last = looks[1][1][-1]
    about = Compared(
        last.at,
        last.by,
        f"{len(counted[0])} parts of {data.root.name}, split {split}, {len(looks[0][0].seen.names)} images.",
        notes,
        _cards(comparison, counted[0], [look.seen for look, _, _ in looks], [s.limits for s in subjects]),
        _rests_on(subjects, split),
    )
    facts = {
        "a": subjects[0].bundle.digest,
        "b": subjects[1].bundle.digest,
        "dataset": data.content_hash,
        "split": split,
        "passes": passes(comparison),
        "notes": notes,
        **comparison.as_dict(),
    }
    folder = out or b.absolute().parent / "comparison"
    write_text(folder / "comparison.html", render("comparison", comparison_facts(comparison, about)))
    write_json(folder / "comparison.json", facts)
    text = [sentence(comparison), "", comparison.verdict, *(f"note: {note}" for note in notes)]
    emit(facts, "\n".join(text), as_json=as_json)
    messages.print(f"written: {folder / 'comparison.html'}", markup=False)
    if not passes(comparison):
        raise typer.Exit(1)


def _cards(comparison: Comparison, parts: Parts, seen: list[Seen], limits: list[tuple[Limit, ...]]) -> list[PairCard]:
    """Both views of the first disagreements, on the image that differs most."""
    row_of = {name: row for row, name in enumerate(parts.names)}
    return [
        _card(part, [int(row) for row in parts.images[row_of[part.part]]], seen, limits)
        for part in comparison.disagreements[:_CARDS]
    ]


def _card(part: Disagreement, rows: list[int], seen: list[Seen], limits: list[tuple[Limit, ...]]) -> PairCard:
    from lineproof.core.decode import read_image
    from lineproof.data.judged_picture import as_data_url, judged_picture
    from lineproof.proof.defects import stopping
    from lineproof.proof.report.comparison import PairCard

    stops = [[stopping(own.found[row], limit) for row in rows] for own, limit in zip(seen, limits, strict=True)]
    view = max(range(len(rows)), key=lambda i: abs(len(stops[0][i]) - len(stops[1][i])))
    sample = seen[0].samples[rows[view]]
    image = read_image(sample.image)
    pictures = [as_data_url(judged_picture(image, sample.truth, own[view])) for own in stops]
    kind = "bad" if part.bad else "good"
    other = "A" if part.passed_by == "B" else "B"
    return PairCard(part.part, f"{kind} part: {part.passed_by} passes it, {other} stops it", *pictures)


def _rests_on(subjects: list[Subject], split: str) -> list[tuple[str, str]]:
    rows = [
        (name, f"{subject.bundle.manifest.name}, digest {subject.bundle.digest}")
        for name, subject in zip("AB", subjects, strict=True)
    ]
    data = subjects[0].data
    return [
        *rows,
        ("parts", f"{data.root.name}, split {split}, {data.content_hash}"),
        ("rules", subjects[0].rules_digest),
    ]
