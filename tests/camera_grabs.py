"""Pictures off a camera that may take its time."""

from __future__ import annotations

import time

from lineproof.core import Frame
from lineproof.errors import SourceTimeout
from lineproof.ports import Source


def grab(source: Source, timeout_s: float = 5.0) -> Frame:
    """The next picture; what the source raises but for a timeout is passed on."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            return source.grab(0.2)
        except SourceTimeout:
            assert time.monotonic() < until


def grab_on(source: Source, timeout_s: float) -> None:
    """Until something else than a picture comes."""
    while True:
        grab(source, timeout_s)
