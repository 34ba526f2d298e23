"""The one broad `except` of the project: a step of which no failure may end the line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lineproof.errors import LineproofError

T = TypeVar("T")
log = logging.getLogger("lineproof.line")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in a step that must not end the line."""

    error: Exception

    def __str__(self) -> str:
        """One line; an error nobody foresaw also says its kind."""
        foreseen = isinstance(self.error, LineproofError)
        return str(self.error) if foreseen else f"{type(self.error).__name__}: {self.error}"


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a step returned."""

    value: T


def attempt(step: Callable[[], T]) -> Done[T] | Failure:
    """Run a step of which no failure may end the line."""
    try:
        return Done(step())
    except Exception as error:  # the one place: silence is never a pass, and a dead loop is silence
        log.debug("a step failed", exc_info=error)
        return Failure(error)
