"""`lineproof sim`: a controller and a conveyor, to see what a line does when things go wrong; in simulated time or for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, messages

if TYPE_CHECKING:
    from lineproof.sim.scenario import Scenario


def sim(
    line: Annotated[
        Path | None,
        typer.Argument(help="a line file: play against the real line, in real time", metavar="[LINE.yaml]"),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            help="a file of configs/scenarios, by name or path; default: all-faults, with a line live-faults",
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="default: the scenario's; with a line 200 a station, and those besides that come during a fault",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="instead of the scenario's", show_default=False)] = None,
    pitch_ms: Annotated[
        float | None, typer.Option(min=1, help="with a line: between two parts, at least", show_default=False)
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="with a line: the dataset that says which pictures are bad", show_default=False)
    ] = None,
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--no-replay",
            help="with a line: inspect the recorded pictures again; default: up to 200 parts",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="also write the figures to this JSON file", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let parts pass with faults, and count what the controller lets through.

    Without a line file the decision core, the register block and the I/O page's rule run in simulated time, and an oracle
    knows every part. With one, `lineproof run` is started as it is: its process, its Modbus TCP server and its records are
    real, so are the faults, and the oracle compares records and controller. Exit 1: unsafe.

    Examples: `lineproof sim --scenario all-faults --parts 100000`, `lineproof sim line.yaml --parts 500`
    """
    if line is None:
        for name, value in (("--pitch-ms", pitch_ms), ("--truth", truth), ("--replay", replay)):
            if value is not None:
                raise typer.BadParameter(f"{name} is for a real line: give its line file")
        _simulated(_scenario(scenario or "all-faults", parts=parts, seed=seed), out, as_json=as_json)
        return
    from lineproof.atomic import write_json
    from lineproof.cli.sim_live import FAULTY, PARTS, Wish, play, provenance
    from lineproof.sim.live.report import facts_of, table_of, words_of

    plan = _scenario(scenario or FAULTY, seed=seed)
    result = play(line, Wish(plan, parts or PARTS, pitch_ms, truth, replay))
    facts = facts_of(result)
    if out is not None:
        write_json(out, provenance(line) | facts)
    if not as_json and result.played.faults:
        messages.print(table_of(result))
    emit(facts, words_of(result), as_json=as_json)
    if not result.safe:
        raise typer.Exit(1)


def _scenario(name: str, **wanted: int | None) -> Scenario:
    from lineproof.presets import find_preset
    from lineproof.settings import load_settings
    from lineproof.sim.scenario import Scenario

    changes = {key: value for key, value in wanted.items() if value is not None}
    return load_settings(find_preset("scenarios", name), Scenario).model_copy(update=changes)


def _simulated(plan: Scenario, out: Path | None, *, as_json: bool) -> None:
    from lineproof.atomic import write_json
    from lineproof.sim.report import facts_of, safe, table_of, words_of
    from lineproof.sim.world import World

    with _progress(plan.parts) as progress:
        campaign = World(plan, progress).run()
    facts = facts_of(campaign)
    if out is not None:
        write_json(out, facts)
    if not as_json and campaign.faults:
        messages.print(table_of(campaign))
    emit(facts, words_of(campaign), as_json=as_json)
    if not safe(campaign):
        raise typer.Exit(1)


@contextmanager
def _progress(parts: int) -> Iterator[Callable[[int], None]]:
    if not messages.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=messages, transient=True) as bar:
        task = bar.add_task("parts", total=parts)
        yield lambda done: bar.update(task, completed=done)
