"""The line on a screen: a picture of one snapshot, drawn by whoever has time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lineproof.core import Decision
from lineproof.line.loop import Line
from lineproof.line.stats import RECENT, STAGES, Snapshot

COLOURS = {Decision.PASS: "green", Decision.FAIL: "red", Decision.REVIEW: "yellow", Decision.FAULT: "magenta"}


@dataclass(frozen=True, slots=True)
class LiveView:
    """What the screen shows of a line; `render` may be called from any thread."""

    line: Line
    title: str  # name of the line, bundle and provider
    records_health: Callable[[], str]

    def render(self) -> RenderableType:
        """Everything at a glance: decisions above, latencies left, last parts right, health below."""
        now = self.line.stats.snapshot()
        body = Table.grid(padding=(0, 4))
        body.add_row(_latencies(now), _recent(now))
        return Group(Text(self.title, style="bold"), _head(now, self.line.handoff.drops), body, self._health(now))

    def _health(self, now: Snapshot) -> Text:
        troubles = self.line.troubles
        text = Text("\nsource ").append(*_word(troubles.get("source", "")))
        text.append("   engine ").append(*_word(troubles.get("engine", "")))
        text.append("   signal ").append(*_word(troubles.get("signal", "")))
        failed = f"{now.record_failures} failed" if now.record_failures else ""
        return text.append("   records ").append(*_word(failed or self.records_health()))


def _word(trouble: str) -> tuple[str, str]:
    return (trouble, "bold red") if trouble else ("ok", "green")


def _head(now: Snapshot, drops: int) -> Text:
    share = "–" if now.pass_yield is None else f"{now.pass_yield:.1%}"
    text = Text(f"{now.parts} parts   {now.rate_hz:.1f}/s   yield {share}")
    for decision in Decision:
        text.append(f"   {decision} {now.decisions[decision]}", style=f"bold {COLOURS[decision]}")
    return text.append(f"   drops {drops}   late {now.late}   {now.seconds:.0f} s\n")


def _latencies(now: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("ms", no_wrap=True, min_width=11)
    for name in ("p50", "p95", "p99", "max"):
        table.add_column(name, justify="right", no_wrap=True, min_width=6)
    for stage in STAGES:
        spread = now.stages_ms.get(stage)
        if spread is not None:
            table.add_row(stage, *(f"{value:.1f}" for value in (spread.p50, spread.p95, spread.p99, spread.max)))
    return table


def _recent(now: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("decision", no_wrap=True, min_width=8)
    table.add_column("part", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("why", no_wrap=True, overflow="ellipsis", max_width=60)
    for answer in reversed(now.recent):
        style = COLOURS[answer.decision]
        table.add_row(Text(answer.decision, style=style), Text(answer.part_id), Text(answer.why, style="dim"))
    for _ in range(RECENT - len(now.recent)):  # the picture keeps its height
        table.add_row("", "", "")
    return table
