"""`lineproof records`: look at what a line recorded, prove that it is whole, take it elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit

if TYPE_CHECKING:
    from lineproof.records.model import InspectionRow
    from lineproof.records.read import Filter

app = typer.Typer(name="records", help="Look at, verify and export what a line recorded.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="the folder named by `records.folder` of the line file")]
Url = Annotated[str | None, typer.Option(help="the database's URL, where it is not SQLite in the folder")]
Word = Literal["PASS", "FAIL", "REVIEW", "FAULT"]  # as core.Decision, whose import would bring OpenCV
OneDecision = Annotated[Word | None, typer.Option(help="only this decision", case_sensitive=False)]
Part = Annotated[str | None, typer.Option(help="only this part")]
Source = Annotated[str | None, typer.Option(help="only this source")]
Since = Annotated[datetime | None, typer.Option(help="grabbed at or after, UTC")]
Until = Annotated[datetime | None, typer.Option(help="grabbed before, UTC")]


@app.command()
def show(
    folder: Folder,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="how many rows")] = 20,
    decision: OneDecision = None,
    part: Part = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the newest rows and how many there are of each decision, also while the line is running.

    Example: `lineproof records show records --decision FAIL --last 50`
    """
    from lineproof.records.read import open_records

    wanted = _filter(decision, part, source, since, until)
    records = open_records(folder, url)
    counts = records.counts(wanted)
    rows = records.last(last, wanted)
    emit({"counts": counts, "rows": [_facts(row) for row in rows]}, _table(rows, counts), as_json=as_json)


@app.command()
def verify(folder: Folder, url: Url = None, as_json: JsonFlag = False) -> None:
    """Hash every row and every image again; exit 1 when anything is not as it was written.

    Example: `lineproof records verify records`
    """
    from rich.progress import Progress

    from lineproof.cli.output import messages
    from lineproof.records.read import open_records
    from lineproof.records.verify import verify as check

    records = open_records(folder, url)
    with Progress(console=messages, disable=not messages.is_terminal, transient=True) as progress:
        task = progress.add_task("hashing", total=sum(records.counts().values()))
        found = check(records, lambda: progress.advance(task))
    facts: dict[str, object] = {
        "rows": found.rows,
        "images": found.images,
        "removed_images": found.removed_images,
        "unnamed_files": found.unnamed_files,
        "damages": [{"what": damage.what, "why": damage.why} for damage in found.damages],
    }
    lines = [f"{damage.what}: {damage.why}" for damage in found.damages]
    answer = f"{len(found.damages)} damaged" if found.damages else "all whole"
    lines.append(f"{found.rows} rows, {found.images} images ({found.removed_images} removed by retention): {answer}")
    if found.unnamed_files:
        lines.append(f"{found.unnamed_files} files of an interrupted write; the line removes them when it starts")
    emit(facts, "\n".join(lines), as_json=as_json)
    if found.damages:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="the CSV file to write")],
    decision: OneDecision = None,
    part: Part = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Write rows to a CSV file that a spreadsheet opens; existing files are replaced as a whole.

    Example: `lineproof records export records --out rows.csv --since 2026-11-01`
    """
    from lineproof.errors import RecordError
    from lineproof.records.export import export_csv
    from lineproof.records.read import open_records

    wanted = _filter(decision, part, source, since, until)
    records = open_records(folder, url)
    try:
        rows = export_csv(records.rows(wanted), out)
    except OSError as error:
        raise RecordError(f"{out}: cannot be written ({error.strerror})", hint="choose another --out") from None
    emit({"rows": rows, "out": str(out)}, f"{rows} rows → {out}", as_json=as_json)


def _filter(
    decision: Word | None, part: str | None, source: str | None, since: datetime | None, until: datetime | None
) -> Filter:
    from lineproof.core import Decision
    from lineproof.records.read import Filter

    chosen = None if decision is None else Decision(decision)
    return Filter(chosen, part, source, since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC))


def _facts(row: InspectionRow) -> dict[str, object]:
    """Every column of a row, as JSON knows it."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _table(rows: list[InspectionRow], counts: dict[str, int]) -> str:
    lines = [f"{'grabbed (UTC)':<24}{'part':<26}{'view':<10}{'decision':<10}{'ms':>8}  reason, image"]
    for row in rows:
        first = row.reasons[0]["text"] if row.reasons else ""
        more = f" (+{len(row.reasons) - 1})" if len(row.reasons) > 1 else ""
        why = "  ".join(word for word in (f"{first}{more}", row.image_path or "", row.note) if word)
        moment = f"{row.grabbed_at:%Y-%m-%d %H:%M:%S}.{row.grabbed_at.microsecond // 1000:03d}"
        lines.append(
            f"{moment:<24}{row.part_id:<26}{row.view:<10}{row.decision:<10}{row.total_ms:>8.1f}  {why}".rstrip()
        )
    lines += ["", f"{sum(counts.values())} rows: " + ", ".join(f"{number} {name}" for name, number in counts.items())]
    return "\n".join(lines)
