"""`lineproof records`: look at what a line recorded, prove that it is whole, inspect it again, take it elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit
from lineproof.cli.records_replay import replay

if TYPE_CHECKING:
    from lineproof.records.chain import Head
    from lineproof.records.model import EntryRow, InspectionRow
    from lineproof.records.read import Filter
    from lineproof.records.verify import Verification

app = typer.Typer(name="records", help="Look at, verify, replay and export what a line recorded.", no_args_is_help=True)
app.command()(replay)

Folder = Annotated[Path, typer.Argument(help="the folder named by `records.folder` of the line file")]
Url = Annotated[str | None, typer.Option(help="the database's URL, where it is not SQLite in the folder")]
Word = Literal["PASS", "FAIL", "REVIEW", "FAULT"]  # as core.Decision, whose import would bring OpenCV
OneDecision = Annotated[Word | None, typer.Option(help="only this decision", case_sensitive=False)]
Part = Annotated[str | None, typer.Option(help="only this part")]
Source = Annotated[str | None, typer.Option(help="only this source")]
Since = Annotated[datetime | None, typer.Option(help="grabbed at or after, UTC")]
Until = Annotated[datetime | None, typer.Option(help="grabbed before, UTC")]


@app.command("list")
def list_rows(
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
    """Print the newest rows with their numbers and how many there are of each decision, also while the line is running.

    Example: `lineproof records list records --decision FAIL --last 50`
    """
    _print_rows(folder, last, _filter(decision, part, source, since, until), url, numbered=True, as_json=as_json)


@app.command()
def show(
    folder: Folder,
    name: Annotated[
        str | None,
        typer.Argument(help="a number of `records list`, or an id; default: the newest rows", metavar="[ID]"),
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="how many rows")] = 20,
    decision: OneDecision = None,
    part: Part = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Print everything that is recorded of one inspection; without an ID the newest rows, which the options choose.

    Example: `lineproof records show records 4711`
    """
    if name is None:
        _print_rows(folder, last, _filter(decision, part, source, since, until), url, numbered=False, as_json=as_json)
        return
    from lineproof.records.read import open_records

    records = open_records(folder, url)
    row = records.find(name)
    facts = _facts(row) | {"acknowledged": _receipt(records.acknowledgement(row))}
    emit(facts, "\n".join(f"{key:<18}{_shown(value)}" for key, value in facts.items()), as_json=as_json)


@app.command()
def verify(
    folder: Folder,
    head: Annotated[
        str | None, typer.Option(help="POSITION:SHA256 that an earlier verify printed: a later end of the same chain?")
    ] = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Hash every row and every image again and walk the chain; exit 1 when anything is not as it was written.

    Note the head it prints somewhere else: only against that, or the head file in the folder, can a tail that was cut off or
    a chain that was computed anew be seen.

    Example: `lineproof records verify records`
    """
    from rich.progress import Progress

    from lineproof.cli.output import messages, say
    from lineproof.records.read import open_records
    from lineproof.records.verify import verify as check

    records = open_records(folder, url)
    noted = None if head is None else _noted(head, records.head().database_id)
    with Progress(console=messages, disable=not messages.is_terminal, transient=True) as progress:
        task = progress.add_task("hashing", total=sum(records.counts().values()))
        found = check(records, lambda: progress.advance(task), noted)
    if not as_json:
        say(_chain_words(found))
    facts: dict[str, object] = {
        "chained": found.chained,
        "before_chain": found.before_chain,
        "head": None if found.head is None else f"{found.head.position}:{found.head.sha256}",
        "head_kept": found.head_kept,
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
def upgrade(folder: Folder, url: Url = None, as_json: JsonFlag = False) -> None:
    """Bring a database of an older lineproof up to date, as a line does when it starts.

    Example: `lineproof records upgrade records`
    """
    from lineproof.records.database import SCHEMA
    from lineproof.records.journal import Journal
    from lineproof.records.read import open_records
    from lineproof.records.settings import RecordSettings

    Journal.open(RecordSettings(folder=folder.absolute(), url=url)).close()
    rows = sum(open_records(folder, url).counts().values())
    emit({"schema": SCHEMA, "rows": rows}, f"{rows} rows, schema {SCHEMA}", as_json=as_json)


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


def _print_rows(folder: Path, last: int, wanted: Filter, url: str | None, *, numbered: bool, as_json: bool) -> None:
    from lineproof.records.read import open_records

    records = open_records(folder, url)
    counts = records.counts(wanted)
    rows = records.last(last, wanted)
    text = _table(rows, counts, numbered=numbered)
    emit({"counts": counts, "rows": [_facts(row) for row in rows]}, text, as_json=as_json)


def _noted(words: str, database_id: str) -> Head:
    from lineproof.errors import RecordError
    from lineproof.records.head_file import parse_head

    head = parse_head(database_id, words)
    if head is None:
        raise RecordError(f"--head {words}: not a head", hint="give POSITION:SHA256 as `records verify` prints it")
    return head


def _chain_words(found: Verification) -> str:
    """The chain in a line or two: how long, what is not in it, what could not be seen, and the head to note."""
    lines = [f"chain of {found.chained} entries"]
    if found.head is not None:
        lines[0] += f", head {found.head.position}:{found.head.sha256}"
    if found.before_chain:
        lines.append(f"{found.before_chain} rows are from before the chain: only their own checksums vouch for them")
    if not found.head_kept:
        lines.append("no head file in the folder: a tail that was cut off would not be seen")
    return "\n".join(lines)


def _receipt(entry: EntryRow | None) -> dict[str, object] | None:
    return None if entry is None else entry.facts


def _shown(value: object) -> str:
    import json

    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "–" if value in {None, ""} else str(value)


def _facts(row: InspectionRow) -> dict[str, object]:
    """Every column of a row, as JSON knows it."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _table(rows: list[InspectionRow], counts: dict[str, int], *, numbered: bool) -> str:
    number = f"{'number':>8}  " if numbered else ""
    lines = [f"{number}{'grabbed (UTC)':<24}{'part':<26}{'view':<10}{'decision':<10}{'ms':>8}  reason, image"]
    for row in rows:
        first = row.reasons[0]["text"] if row.reasons else ""
        more = f" (+{len(row.reasons) - 1})" if len(row.reasons) > 1 else ""
        why = "  ".join(word for word in (f"{first}{more}", row.image_path or "", row.note) if word)
        moment = f"{row.grabbed_at:%Y-%m-%d %H:%M:%S}.{row.grabbed_at.microsecond // 1000:03d}"
        number = f"{row.sequence:>8}  " if numbered else ""
        lines.append(
            f"{number}{moment:<24}{row.part_id:<26}{row.view:<10}{row.decision:<10}{row.total_ms:>8.1f}  {why}".rstrip()
        )
    lines += ["", f"{sum(counts.values())} rows: " + ", ".join(f"{number} {name}" for name, number in counts.items())]
    return "\n".join(lines)
