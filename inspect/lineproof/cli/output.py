"""What every verb shares: results on stdout, everything else on stderr, one line for an error."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lineproof.errors import MissingExtra

if TYPE_CHECKING:
    from rich.console import Console

    messages: Console  # progress, logs and messages: never mixed into the machine-readable answer

Thing = TypeVar("Thing")

JsonFlag = Annotated[bool, typer.Option("--json", help="one machine-readable object on stdout")]


@cache
def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def __getattr__(name: str) -> Console:
    """`messages`, for whoever imports it inside a verb: rich costs 40 ms, and most starts have nothing to say."""
    if name == "messages":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def say(line: str) -> None:
    """One plain line for the person at the terminal."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def emit(result: dict[str, object], text: str, *, as_json: bool) -> None:
    """Print the answer: the object as one JSON document, or its words."""
    sys.stdout.write((json.dumps(result, ensure_ascii=False, default=str) if as_json else text) + "\n")
    sys.stdout.flush()


def tracked(things: Sequence[Thing], what: str) -> Iterable[Thing]:
    """The same things with a progress bar on a terminal, gone when done."""
    if not sys.stderr.isatty():
        return things
    from rich.progress import track

    return track(things, description=f"{what:9}", console=_console(), transient=True)


def require_extra(extra: str, *modules: str) -> None:
    """Raise MissingExtra with the install command unless every module is there."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"this needs {', '.join(missing)}, which is not installed", hint=f"pip install 'lineproof[{extra}]'"
        )
