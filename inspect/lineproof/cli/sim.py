"""`lineproof sim`: a controller, a conveyor and cameras, to see what the decision core does when things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, messages


def sim(
    scenario: Annotated[str, typer.Option(help="a file of configs/scenarios, by name or path")] = "all-faults",
    parts: Annotated[int | None, typer.Option(min=1, help="instead of the scenario's", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="instead of the scenario's", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="also write the figures to this JSON file", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let parts pass a station in simulated time, with faults, and count what the controller lets through.

    The controller reads and writes the real register block and keeps the rule of the I/O page; an oracle knows every
    part. Exit 1: a bad part was let through, or a trigger was answered twice.

    Example: `lineproof sim --scenario all-faults --parts 100000`
    """
    from lineproof.atomic import write_json
    from lineproof.presets import find_preset
    from lineproof.settings import load_settings
    from lineproof.sim.report import facts_of, safe, table_of, words_of
    from lineproof.sim.scenario import Scenario
    from lineproof.sim.world import World

    wanted = {name: value for name, value in (("parts", parts), ("seed", seed)) if value is not None}
    plan = load_settings(find_preset("scenarios", scenario), Scenario).model_copy(update=wanted)
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
