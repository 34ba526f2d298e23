"""What a person watches while training goes on, and how to go on after Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from lineproof.cli.output import messages

if TYPE_CHECKING:
    from lineproof.adapt.progress import TrainProgress

Shown = TypeVar("Shown")


@contextmanager
def live_or_plain(
    live: Callable[[Console], AbstractContextManager[Shown]], plain: Callable[[Console], Shown]
) -> Iterator[Shown]:
    """What moves on a terminal, lines elsewhere."""
    if not messages.is_terminal:
        yield plain(messages)
        return
    with live(messages) as shown:
        yield shown


@contextmanager
def train_progress() -> Iterator[TrainProgress]:
    """The progress of one training."""
    from lineproof.adapt.progress import LiveProgress, PlainProgress

    either: AbstractContextManager[TrainProgress] = live_or_plain(LiveProgress, PlainProgress)
    with either as progress:
        yield progress


@contextmanager
def interruptible(how: str, when: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """After Ctrl-C say how to go on, where there is something to go on from."""
    try:
        yield
    except KeyboardInterrupt:
        if when():
            messages.print(f"interrupted; {how}", markup=False)
        raise
