"""What a person sees while a model trains: a live bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One finished epoch; what is written to metrics.jsonl."""

    epoch: int  # from 1
    epochs: int  # expected of the whole run
    losses: dict[str, float]  # mean over the epoch, by name
    learning_rate: float
    train_s: float
    val_s: float = 0.0
    map50: float | None = None  # boxes; None when this epoch was not validated
    map50_95: float | None = None
    mask_map50: float | None = None
    mask_map50_95: float | None = None
    fitness: float | None = None  # what the best epoch is chosen by: mAP50-95 of boxes, plus that of masks
    stage: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def text(self) -> str:
        """One line: mAP, when validated, then the losses, which a narrow terminal may cut."""
        scores = {"box mAP50": self.map50, "mask mAP50": self.mask_map50}
        parts = [f"{label} {value:.3f}" for label, value in scores.items() if value is not None]
        parts += [f"{name} {value:.3f}" for name, value in self.losses.items() if value]  # unused ones are 0
        return "  ".join(parts)


class TrainProgress(Protocol):
    """Told what happens."""

    def begin(self, epochs: int, done: int, batches: int) -> None:
        """Training starts, or goes on after `done` of about so many epochs."""

    def batch(self) -> None:
        """One more batch is learnt."""

    def epoch(self, row: EpochRow) -> None:
        """An epoch is over."""

    def say(self, text: str) -> None:
        """A remark of one line."""


class PlainProgress:
    """One line per epoch; for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._clock = _Clock()

    def begin(self, epochs: int, done: int, batches: int) -> None:
        """Start the clock."""
        self._clock.begin(epochs, done, batches)

    def batch(self) -> None:
        """Move on."""
        self._clock.tick()

    def epoch(self, row: EpochRow) -> None:
        """Show the figures."""
        self._clock.epoch_done(row.epoch, row.epochs)
        took = row.train_s + row.val_s
        self.say(f"epoch {row.epoch}/{row.epochs}  {row.text()}  {took:.1f} s, {self._clock.left()} left")

    def say(self, text: str) -> None:
        """Print above the bar, or in line."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class LiveProgress:
    """A bar that moves with every batch, with losses, mAP and the time left."""

    def __init__(self, console: Console) -> None:
        self._clock = _Clock()
        self._bar = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[figures]}"),
            TextColumn("[cyan]{task.fields[left]} left"),
            console=console,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None
        self._epochs = 0
        self._batches = 1

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, epochs: int, done: int, batches: int) -> None:
        """Start the clock."""
        self._epochs, self._batches = epochs, batches
        self._clock.begin(epochs, done, batches)
        self._task = self._bar.add_task(
            "train",
            total=epochs * batches,
            completed=done * batches,
            epoch=f"{done + 1}/{epochs}",
            figures="",
            left="…",
        )

    def batch(self) -> None:
        """Move on."""
        self._clock.tick()
        if self._task is not None:
            self._bar.update(self._task, advance=1, left=self._clock.left())

    def epoch(self, row: EpochRow) -> None:
        """Show the figures."""
        self._clock.epoch_done(row.epoch, row.epochs)
        if self._task is None:
            return
        self._bar.update(
            self._task,
            total=row.epochs * self._batches,
            completed=row.epoch * self._batches,
            epoch=f"{min(row.epoch + 1, row.epochs)}/{row.epochs}",
            figures=row.text(),
            left=self._clock.left(),
        )

    def say(self, text: str) -> None:
        """Print above the bar, or in line."""
        self._bar.console.print(text, soft_wrap=True, markup=False, highlight=False)


@dataclass(slots=True)
class _Clock:
    """Time left, from the pace of this run (a resumed run has another than the interrupted one)."""

    epochs: int = 0
    batches: int = 1
    first: float = 0.0  # epochs done before this run
    done: float = 0.0
    started_s: float = field(default_factory=time.monotonic)

    def begin(self, epochs: int, done: int, batches: int) -> None:
        self.epochs, self.batches = epochs, max(batches, 1)
        self.first = self.done = float(done)
        self.started_s = time.monotonic()

    def tick(self) -> None:
        self.done += 1 / self.batches

    def epoch_done(self, epoch: int, epochs: int) -> None:
        self.done, self.epochs = float(epoch), epochs  # how many there will be can change on the way

    def left(self) -> str:
        learnt = self.done - self.first
        if learnt <= 0:
            return "…"
        seconds = (time.monotonic() - self.started_s) / learnt * max(self.epochs - self.done, 0)
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
