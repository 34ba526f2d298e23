"""What every verb shares: results on stdout, everything else on stderr, one line for an error."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from lineproof.errors import MissingExtra

Thing = TypeVar("Thing")

JsonFlag = Annotated[bool, typer.Option("--json", help="one machine-readable object on stdout")]

# Progress, logs and messages: never mixed into the machine-readable answer.
messages = Console(stderr=True, highlight=False)


def emit(result: dict[str, object], text: str, *, as_json: bool) -> None:
    """Print the answer: the object as one JSON document, or its words."""
    sys.stdout.write((json.dumps(result, ensure_ascii=False, default=str) if as_json else text) + "\n")
    sys.stdout.flush()


def tracked(things: Sequence[Thing], what: str) -> Iterable[Thing]:
    """The same things with a progress bar on a terminal, gone when done."""
    from rich.progress import track

    return track(things, description=f"{what:9}", console=messages, transient=True, disable=not messages.is_terminal)


def require_extra(extra: str, *modules: str) -> None:
    """Raise MissingExtra with the install command unless every module is there."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"this needs {', '.join(missing)}, which is not installed", hint=f"pip install 'lineproof[{extra}]'"
        )
