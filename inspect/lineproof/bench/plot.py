"""A race as a picture: medians as bars, the way up to p99 as a line, the floor across."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lineproof.atomic import write_bytes
from lineproof.bench.measure import Report
from lineproof.bench.race import Race, Row

_COLOURS = {"lineproof": "#1a7f4b", "floor": "#b8bcc2", "peer": "#5b7fb4"}
_ROW_IN = 0.34  # inches per bar


def draw(path: Path, report: Report) -> None:
    """One panel per number of threads, a PNG written atomically."""
    races = [race for race in report.races if any(row.spread for row in race.rows)]
    bars = [sum(row.spread is not None for row in race.rows) for race in races]
    figure = Figure(figsize=(9, 1.3 + sum(_ROW_IN * count + 0.7 for count in bars)), layout="constrained", dpi=130)
    panels = figure.subplots(len(races), 1, squeeze=False, height_ratios=[count + 1 for count in bars])
    for race, axes in zip(races, panels[:, 0], strict=True):
        _panel(axes, race)
    panels[-1, 0].set_xlabel("ms per frame: bar to the median, line to p99; dashed: the floor", fontsize=8)
    figure.suptitle(_title(report), fontsize=10, x=0.01, ha="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _panel(axes: Axes, race: Race) -> None:
    rows = [row for row in race.rows if row.spread is not None]
    longest = max(row.spread.p99_ms for row in rows if row.spread)
    for place, row in enumerate(rows):
        _bar(axes, place, row, longest)
    counted = next((row.floor for row in rows if row.role == "lineproof"), "")
    for floor in rows:
        if floor.name == counted and floor.spread is not None:
            axes.axvline(floor.spread.median_ms, color="#6b7076", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.role == "lineproof" else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, longest * 1.22)
    axes.set_title(f"{race.threads} thread{'s' if race.threads > 1 else ''}", fontsize=9, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _bar(axes: Axes, place: int, row: Row, longest: float) -> None:
    assert row.spread is not None
    median, p99 = row.spread.median_ms, row.spread.p99_ms
    axes.barh(place, median, height=0.62, color=_COLOURS[row.role])
    axes.plot([median, p99], [place, place], color="#2d3138", linewidth=1)
    axes.plot([p99, p99], [place - 0.16, place + 0.16], color="#2d3138", linewidth=1)
    times = f"{median:.1f} ms" + (f"  × {row.ratio.median:.2f}" if row.ratio and row.name != row.floor else "")
    weight = "bold" if row.role == "lineproof" else "normal"
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # the floor's line passes below the words
    axes.text(p99 + longest * 0.012, place, times, va="center", fontsize=8, fontweight=weight, bbox=behind)


def _title(report: Report) -> str:
    bundle, frame, machine = report.subject, report.frame, report.machine
    return (
        f"{bundle['name']}: {bundle['task']} {_wh(bundle['input_wh'])} {bundle['precision']}, one {_wh(frame['wh'])} "
        f"frame end to end\n{machine['cpu']}, {machine['cores']} cores"
        + (f", {machine['gpu']}" if machine["gpu"] else "")
        + f", onnxruntime {report.versions.get('onnxruntime') or report.versions.get('onnxruntime-gpu', '')}"
        + f", {report.date[:10]}; × is over the bare run, median of {report.settings.rounds} interleaved rounds"
    )


def _wh(value: object) -> str:
    return "×".join(str(side) for side in value) if isinstance(value, list) else str(value)
