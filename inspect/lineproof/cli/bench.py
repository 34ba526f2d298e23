"""`lineproof bench`: what one frame costs on this machine, beside the bare model run and beside others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.lists import numbers
from lineproof.cli.output import JsonFlag, emit, messages, require_extra
from lineproof.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from lineproof.bench.measure import Report
    from lineproof.bench.race import Watcher
    from lineproof.bench.report import BudgetAnswer


def bench(
    bundle: Annotated[Path, typer.Argument(help="a sealed bundle", show_default=False)],
    providers: Annotated[str, typer.Option(help="cpu, openvino, cuda, tensorrt: one row each")] = "cpu",
    against: Annotated[
        str, typer.Option(help="ultralytics, ultralytics-torch, plain, openvino, opencv: others on the same frame")
    ] = "",
    run: Annotated[
        Path | None,
        typer.Option(help="the bundle's training run: its stock export is the floor, and ultralytics' model"),
    ] = None,
    threads: Annotated[str, typer.Option(help="such as 1,2; default: one, and all cores")] = "",
    image: Annotated[Path | None, typer.Option(help="the frame; default: made of one of the bundle's probes")] = None,
    frame: Annotated[str, typer.Option(help="resize the frame; default: 1920x1080 for a probe")] = "",
    stock_size: Annotated[
        str, typer.Option(help="with --run: input of the stock export, such as 640x640; default: the bundle's")
    ] = "",
    rounds: Annotated[int, typer.Option(min=3, help="interleaved rounds")] = 20,
    calls: Annotated[int, typer.Option(min=1, help="timed calls per round")] = 5,
    seed: Annotated[int, typer.Option(help="of the order in each round")] = 0,
    spin: Annotated[bool, typer.Option("--spin", help="let idle threads spin: faster, and a core busy for it")] = False,
    budget: Annotated[str, typer.Option(help="such as 20ms: exit 1 when no way to run here keeps p99 below it")] = "",
    out: Annotated[Path | None, typer.Option(help="folder for bench.json and bench.png")] = None,
    plot: Annotated[bool, typer.Option(help="with --out: draw bench.png")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Measure one frame from full resolution to detections, as a ratio to the bare model run.

    Every contender runs in a process of its own; rounds are interleaved in shuffled order, so that a busy moment hits
    all alike. A peer that is not installed or cannot run the model has a line that says so.

    Example: `lineproof bench runs/tiles/bundle --against openvino,opencv --budget 20ms`
    """
    if out is not None and plot:
        require_extra("proof", "matplotlib")
    if run is not None:
        require_extra("train", "torch", "ultralytics", "onnx", "onnxslim", "safetensors")
    from lineproof.bench.contenders import PEERS
    from lineproof.bench.measure import BenchWish, measure
    from lineproof.bench.race import RaceSettings
    from lineproof.bench.report import as_dict, budget_answers
    from lineproof.bench.table import text
    from lineproof.engine.providers import PROVIDERS

    wish = BenchWish(
        providers=_names("--providers", providers, tuple(name for name in PROVIDERS if name != "auto")),
        against=_names("--against", against, PEERS),
        threads=numbers("--threads", threads or None, least=1),
        image=image,
        frame_wh=_size("--frame", frame),
        run=run,
        stock_wh=_size("--stock-size", stock_size),
        spin=spin,
        settings=RaceSettings(rounds, calls, seed),
    )
    budget_ms = milliseconds(budget) if budget else None
    with _watcher() as watcher:
        report = measure(bundle, wish, watcher)
    facts = as_dict(report)
    words = text(report, width=_width(), colour=not as_json and _colour())
    answers: list[BudgetAnswer] = []
    if budget_ms is not None:
        answers = budget_answers(report, budget_ms)
        facts["budget"] = _budget_facts(budget_ms, answers)
        words += f"\n\n{_budget_words(budget_ms, answers)}"
    if out is not None:
        _write(out, report, facts, plot=plot)
    emit(facts, words, as_json=as_json)
    if budget_ms is not None and not any(answer.holds for answer in answers):
        raise typer.Exit(1)


def milliseconds(text: str) -> float:
    """`20ms`, `0.02s` or `20`; raises InputError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|)", text.strip())
    value = float(match[1]) * (1000 if match[2] == "s" else 1) if match else 0.0
    if value <= 0:
        raise InputError(f"--budget {text}: expected a time such as 20ms")
    return value


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """A list by commas, each once; raises InputError for a name that is not known."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise InputError(f"{option} {name}: unknown", hint=f"one or more of {','.join(known)}")
    return names


def _size(option: str, text: str) -> tuple[int, int] | None:
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip())
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise InputError(f"{option} {text}: expected WIDTHxHEIGHT such as 1920x1080")
    return int(match[1]), int(match[2])


def _budget_facts(budget_ms: float, answers: list[BudgetAnswer]) -> dict[str, object]:
    ways = [
        {"name": answer.name, "threads": answer.threads, "p99_ms": round(answer.p99_ms, 3), "holds": answer.holds}
        for answer in answers
    ]
    return {"budget_ms": budget_ms, "holds": any(answer.holds for answer in answers), "ways": ways}


def _budget_words(budget_ms: float, answers: list[BudgetAnswer]) -> str:
    """Yes or no first, then every way to run."""
    if not answers:
        return f"{budget_ms:g} ms: no, lineproof did not run"
    lines = [f"{budget_ms:g} ms: {'yes' if any(answer.holds for answer in answers) else 'no'}"]
    for answer in answers:
        threads = f"{answer.threads} thread{'s' if answer.threads > 1 else ''}"
        relation = "≤" if answer.holds else ">"
        lines.append(f"  {answer.name}, {threads}: p99 {answer.p99_ms:.1f} ms {relation} {budget_ms:g} ms")
    return "\n".join(lines)


def _write(out: Path, report: Report, facts: dict[str, object], *, plot: bool) -> None:
    from lineproof.atomic import write_json

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})", hint="choose another --out") from None
    write_json(out / "bench.json", facts)
    if plot:
        from lineproof.bench.plot import draw

        draw(out / "bench.png", report)
    messages.print(f"written to {out}", markup=False)


def _width() -> int:
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 140


def _colour() -> bool:
    import os
    import sys

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


class _Bar:
    """Turns on a progress bar, redrawn between turns only: a redraw within one would take its cores."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("")

    def expect(self, turns: int) -> None:
        self._progress.update(self._task, total=turns, refresh=True)

    def starting(self, name: str) -> None:
        self._progress.update(self._task, description=f"starting {name}", refresh=True)

    def turn(self) -> None:
        self._progress.update(self._task, advance=1, description="measuring", refresh=True)


@contextmanager
def _watcher() -> Iterator[Watcher | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not messages.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:34}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True, auto_refresh=False) as bar:
        yield _Bar(bar)
