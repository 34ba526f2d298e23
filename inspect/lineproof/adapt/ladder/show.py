"""What a person sees while trials run: a live line for each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lineproof.adapt.ladder.figures import TrialResult


class PlainShow:
    """A line when a trial starts, after a fifth of its epochs, and when it ends; for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._labels: dict[str, str] = {}
        self._told: dict[str, int] = {}

    def started(self, key: str, label: str) -> None:
        """Name it."""
        self._labels[key], self._told[key] = label, 0
        self.say(f"{label}: starts")

    def moved(self, key: str, event: dict[str, object]) -> None:
        """Every fifth of the way."""
        if "text" not in event:
            return
        done, epochs = int(float(str(event["done"]))), int(str(event["epochs"]))
        fifth = 5 * done // max(epochs, 1)
        if fifth > self._told.get(key, 0) and done < epochs:
            self._told[key] = fifth
            self.say(f"{self._labels[key]}: epoch {done}/{epochs}  {event['text']}")

    def ended(self, key: str, result: TrialResult) -> None:
        """How it came out."""
        self.say(f"{self._labels.get(key, key)}: {outcome(result)}")

    def say(self, text: str) -> None:
        """One line."""
        with self._lock:
            self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class LiveShow:
    """A bar for each running trial; it goes when the trial ends, and a line stays."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=4,
        )
        self._tasks: dict[str, TaskID] = {}
        self._labels: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self, key: str, label: str) -> None:
        """A bar of its own."""
        self._labels[key] = label
        self._tasks[key] = self._bars.add_task(label, total=None, text="")

    def moved(self, key: str, event: dict[str, object]) -> None:
        """Move it."""
        task = self._tasks.get(key)
        if task is None:
            return
        if "say" in event:
            self._bars.update(task, text=str(event["say"])[:60])
            return
        # the end moves too, where a run is measured in minutes
        self._bars.update(task, completed=float(str(event["done"])), total=float(str(event["epochs"])))
        if event.get("text"):
            self._bars.update(task, text=str(event["text"])[:60])

    def ended(self, key: str, result: TrialResult) -> None:
        """Its line stays above."""
        task = self._tasks.pop(key, None)
        if task is not None:
            self._bars.remove_task(task)
        self.say(f"{self._labels.get(key, key)}: {outcome(result)}")

    def say(self, text: str) -> None:
        """Above the bars."""
        self._bars.console.print(text, soft_wrap=True, markup=False, highlight=False)


def outcome(result: TrialResult) -> str:
    """One trial in a few words."""
    if result.val is None:
        return f"{result.status}: {result.reason}"
    figures = result.val
    precision = "" if figures.map50_95 is None else f"mAP50-95 {figures.map50_95:.3f}, "
    escapes, overkill = "{}/{}".format(*figures.escapes), "{}/{}".format(*figures.overkill)
    return f"{precision}escapes {escapes}, overkill {overkill}, {result.total_s:.0f} s"
