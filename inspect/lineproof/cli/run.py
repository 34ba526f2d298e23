"""`lineproof run`: the camera loop of a line file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit
from lineproof.cli.start import loading
from lineproof.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from lineproof.line.loop import Line
    from lineproof.line.truth import TruthTally
    from lineproof.linefile import LineFile
    from lineproof.ports import Source
    from lineproof.records.journal import Journal
    from lineproof.records.settings import RecordSettings
    from lineproof.watch.settings import QualitySettings


def run(
    line: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    max_parts: Annotated[int | None, typer.Option(min=1, help="end after so many parts")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="end after so many seconds")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="the dataset that is replayed: count decisions against its annotations")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="only the summary at the end")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Inspect what the camera of a line file sees, until Ctrl-C, a limit, or the end of a replay.

    Shows a live table on a terminal and a line per part elsewhere; prints a summary at the end.

    Example: `lineproof run line.yaml --max-parts 300`
    """
    from lineproof.cli.summary import summary, summary_text
    from lineproof.memory import keep_picture_memory

    keep_picture_memory()
    with ExitStack() as stack:
        with loading():
            settings = _settings(line)
        if settings.stations:
            from lineproof.cli.run_stations import run_stations

            run_stations(line, settings, stack, max_parts=max_parts, duration_s=duration, quiet=quiet, as_json=as_json)
            return
        with loading():
            tally = None if truth is None else _tally(truth)
            running, journal = _assemble(line, settings, tally, stack, quiet=quiet)
        with stopped_by_signals(running.stop), _screen(running, settings, journal, quiet=quiet):
            running.run(max_parts=max_parts, duration_s=duration)
        stack.pop_all()  # the line has closed them
    facts = summary(settings.name, running, journal, tally)
    emit(facts, summary_text(facts), as_json=as_json)


def _settings(path: Path) -> LineFile:
    from lineproof.linefile import load_line

    return load_line(path)


def _assemble(
    path: Path, settings: LineFile, tally: TruthTally | None, stack: ExitStack, *, quiet: bool
) -> tuple[Line, Journal | None]:
    """Concrete parts, the camera last: its frames must not grow old while the model loads."""
    from lineproof.cli.assemble import open_inspector
    from lineproof.cli.output import messages
    from lineproof.errors import SettingsError
    from lineproof.line.loop import Line
    from lineproof.linefile import line_digest
    from lineproof.signals.console import ConsoleSignal
    from lineproof.sources.open import open_source

    if settings.source is None:
        raise SettingsError(
            f"{path}: no `source`", hint="say where frames come from, e.g. source: {kind: camera, index: 0}"
        )
    inspector, _ = open_inspector(
        settings.bundle,
        settings.rules,
        settings.provider,
        line_digest(path),
        regions=settings.regions,
        proven_under=settings.proven_under,
    )
    journal = None if settings.records is None else _journal(settings.records)
    if journal is not None:
        stack.callback(journal.close)
    source = _gated(open_source(settings.source), settings.quality)
    stack.callback(source.close)
    line = Line(
        inspector,
        source,
        ConsoleSignal(messages, quiet=quiet or messages.is_terminal),
        [recorder for recorder in (journal, tally) if recorder is not None],
        settings.line,
        source_id=settings.source.name,
        view=settings.source.view,
        on_demand=settings.source.on_demand,
    )
    return line, journal


def _gated(source: Source, quality: QualitySettings | None) -> Source:
    if quality is None:
        return source
    from lineproof.watch.gated import GatedSource
    from lineproof.watch.quality import QualityGate

    return GatedSource(source, QualityGate.open(quality))


def _journal(settings: RecordSettings) -> Journal:
    from lineproof.records.journal import Journal  # brings the database: 0.3 s of a start

    return Journal.open(settings)


def _tally(dataset: Path) -> TruthTally:
    from lineproof.data.dataset import open_dataset
    from lineproof.line.truth import TruthTally

    data = open_dataset(dataset)
    return TruthTally({data.name_of(sample): sample.ok for sample in data.samples})


@contextmanager
def _screen(line: Line, settings: LineFile, journal: Journal | None, *, quiet: bool) -> Iterator[None]:
    """The live table, drawn by a thread of its own: a slow terminal cannot delay a decision."""
    from lineproof.cli.output import messages

    if quiet or not messages.is_terminal:
        yield
        return
    from rich.live import Live

    from lineproof.line.live import LiveView

    def records_health() -> str:
        health = journal.health() if journal is not None else None
        return health.last_error if health is not None and health.failing else ""

    sealed = line.provenance
    title = f"{settings.name} · {sealed.bundle_name} {sealed.bundle_digest[:12]} · {sealed.provider} · Ctrl-C ends"
    view = LiveView(line, title, records_health)
    with Live(get_renderable=view.render, console=messages, refresh_per_second=4, transient=True):
        yield
