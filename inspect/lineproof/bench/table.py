"""A report as tables for a terminal, as wide as it is: what matters least goes first when it is narrow."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lineproof.bench.contenders import OWN_FLOOR, STOCK_FLOOR
from lineproof.bench.measure import Report
from lineproof.bench.race import Race, Row

_STAGES = ("preprocess", "infer", "postprocess")
_STYLES = {"lineproof": "bold green", "floor": "dim", "peer": ""}
_BUSY = 0.08  # of its cores; a 2-core machine with nothing else to do showed 0.00 to 0.03


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cell: Callable[[Row], str]
    rank: int  # the highest goes first


def text(report: Report, *, width: int = 120, colour: bool = False) -> str:
    """The tables as a terminal shows them."""
    console = Console(file=io.StringIO(), width=width, force_terminal=colour, no_color=not colour, highlight=False)
    console.print(Group(*_parts(report, width)))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def _parts(report: Report, width: int) -> Iterator[RenderableType]:
    yield from _head(report)
    for race in report.races:
        yield Text("")
        yield Text(f"{race.threads} thread{'s' if race.threads > 1 else ''}", style="bold")
        yield _table(race, width)
        yield from _remarks(race)
    yield Text("")
    yield Text(_legend(report), style="dim")


def _head(report: Report) -> Iterator[Text]:
    bundle, frame, machine = report.subject, report.frame, report.machine
    what = f"{bundle['task']} {_wh(bundle['input_wh'])} {bundle['precision']}"
    yield Text(f"{bundle['name']} · {what} · {str(bundle['digest'])[:12]}")
    tiles = f" as {frame['tiles']} tiles" if "tiles" in frame else ""
    rounds = f"{report.settings.rounds} rounds of {report.settings.calls} calls"
    yield Text(f"one {_wh(frame['wh'])} frame{tiles} ({frame['from']}), {rounds}")
    flags = machine["flags"]
    special = [flag for flag in flags if flag != "avx2"] if isinstance(flags, list) else []
    facts = (machine["cpu"], f"{machine['cores']} cores", " ".join(special), machine["gpu"])
    yield Text(" · ".join(str(fact) for fact in facts if fact), style="dim")
    shown = ("onnxruntime", "onnxruntime-gpu", "openvino", "opencv-python-headless", "ultralytics")
    found = [f"{name} {report.versions[name]}" for name in shown if name in report.versions]
    yield Text(" · ".join(found), style="dim")


def _table(race: Race, width: int) -> Table:
    rows = [row for row in race.rows if row.spread is not None]
    columns = _columns(rows)
    while len(columns) > 3 and sum(_width(column, rows) + 2 for column in columns) > width:
        columns.remove(max(columns, key=lambda column: column.rank))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column.title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns), style=_STYLES[row.role])
    return table


def _columns(rows: list[Row]) -> list[_Column]:
    """All that have anything to say here, in order."""
    columns = [
        _Column("ms per frame", lambda row: row.name, 0),
        _Column("min", lambda row: f"{row.spread.min_ms:.2f}" if row.spread else "", 5),
        _Column("median", lambda row: f"{row.spread.median_ms:.2f}" if row.spread else "", 1),
        _Column("p99", lambda row: f"{row.spread.p99_ms:.2f}" if row.spread else "", 2),
        _Column("× floor", lambda row: "" if row.ratio is None else f"{row.ratio.median:.3f}", 1),
        _Column("× own", _own_ratio if any(row.name == STOCK_FLOOR for row in rows) else _nothing, 6),
        _Column("pre + run + post", _stages, 8),
        _Column("CPU ms", lambda row: f"{row.cpu_ms:.1f}", 3),
        _Column("RSS MiB", lambda row: "" if row.rss_mib is None else f"{row.rss_mib:.0f}", 4),
        _Column("found", lambda row: "" if row.detections is None else str(row.detections), 7),
    ]
    return [column for column in columns if any(column.cell(row) for row in rows)]


def _width(column: _Column, rows: list[Row]) -> int:
    return max(len(column.title), *(len(column.cell(row)) for row in rows))


def _own_ratio(row: Row) -> str:
    return f"{row.ratios[OWN_FLOOR].median:.3f}" if OWN_FLOOR in row.ratios else ""


def _nothing(row: Row) -> str:
    del row
    return ""


def _stages(row: Row) -> str:
    return " + ".join(f"{row.stages_ms[name]:.2f}" for name in _STAGES) if row.stages_ms else ""


def _remarks(race: Race) -> Iterator[Text]:
    """What the figures do not say by themselves."""
    for row in race.rows:
        if row.problem:
            yield Text(f"{row.name}: {row.problem}", style="yellow" if row.problem.startswith("not run") else "red")
        elif row.note:
            yield Text(f"{row.name}: {row.note}", style="dim")
    if any(row.role == "lineproof" and row.detections == 0 for row in race.rows):
        yield Text("nothing is found on this frame: name a busier one with --image", style="yellow")
    if race.unrest is not None and race.unrest > _BUSY:
        yield Text(
            f"the machine was busy: others took {race.unrest:.0%} of the floor's cores; measure again when it is quiet",
            style="yellow",
        )


def _legend(report: Report) -> str:
    rows = [row for race in report.races for row in race.rows]
    floors = " or ".join(sorted({f"“{row.floor}”" for row in rows if row.role == "lineproof" and row.spread}))
    words = f"× floor: time over that of {floors}, median over rounds."
    if any(row.name == STOCK_FLOOR for row in rows):
        words += f" × own: over “{OWN_FLOOR}”."
    if "tiles" in report.frame:
        words += f" The floor is the run of one tile, lineproof's time that of all {report.frame['tiles']}."
    return words + " Stages: medians. CPU: all threads, per call. found: detections on the frame."


def _wh(value: object) -> str:
    return "×".join(str(side) for side in value) if isinstance(value, list) else str(value)
