"""Stations on a screen: a picture of their figures, drawn by whoever has time."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lineproof.core.codes import FaultCode
from lineproof.core.station import Outcome
from lineproof.line.conduct.conductor import Conductor
from lineproof.line.conduct.post import Post
from lineproof.line.stats import Spread

STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.REVIEW: "yellow",
    Outcome.ERROR: "magenta",
    Outcome.MISSED: "magenta",
}


@dataclass(frozen=True, slots=True)
class StationsView:
    """What the screen shows; `render` may be called from any thread."""

    conductor: Conductor
    title: str

    def render(self) -> RenderableType:
        """One row for each station: its state, its last answer, its counts, how long answers take."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2))
        for head in ("station", "state", "last part", "answer"):
            table.add_column(head, no_wrap=True)
        for head in (*(outcome.value.lower() for outcome in Outcome), "ms p50", "p99"):
            table.add_column(head, no_wrap=True, justify="right")
        for post in self.conductor.posts.values():
            table.add_row(*_row(post))
        return Group(Text(self.title, style="bold"), Text(), table, *_troubles(self.conductor))


def _row(post: Post) -> tuple[Text | str, ...]:
    figures, view = post.tally.figures(), post.view
    state = "starting" if view is None else view.state.name.replace("_", " ").lower()
    last = post.tally.last
    return (
        post.name,
        Text(state, style="green" if view is not None and view.online else "bold red"),
        Text("" if last is None else (last.part_id or str(last.seq)), overflow="ellipsis"),
        Text("" if last is None else last.outcome.value, style="" if last is None else STYLES[last.outcome]),
        *(
            Text(str(figures.outcomes[o.value]), style=STYLES[o] if figures.outcomes[o.value] else "dim")
            for o in Outcome
        ),
        *_percentiles(figures.latency_ms),
    )


def _percentiles(spread: Spread | None) -> tuple[str, str]:
    return ("", "") if spread is None else (f"{spread.p50:.1f}", f"{spread.p99:.1f}")


def _troubles(conductor: Conductor) -> list[Text]:
    lines = []
    for post in conductor.posts.values():
        fault = 0 if post.view is None else post.view.fault_code
        if fault:
            lines.append(Text(f"{post.name}: {FaultCode(fault).text}", style="bold red"))
        to_show = post.to_show
        if to_show:
            lines.append(Text(f"{post.name}: show the known parts {', '.join(to_show)}", style="yellow"))
        lines += [Text(f"{post.name}: {wire}: {why}", style="yellow") for wire, why in post.troubles.items()]
    if conductor.room.trouble:
        lines.append(Text(f"engine: {conductor.room.trouble}", style="bold red"))
    return [Text(), *lines] if lines else []
