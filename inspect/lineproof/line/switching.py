"""How soon threads of one process hand over to each other, and what must not stop them all."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A thread busy in Python (screen, records) gives way after this, not after Python's 5 ms, which a frame would pay at each
# hand-over: with the live table at 60 fps and a 5 ms engine the 99th percentile of age was 12 ms instead of 10.
SWITCH_S = 0.0005


@contextmanager
def prompt_threads() -> Iterator[None]:
    """Threads of this process hand over to each other within `SWITCH_S`, and the collector leaves old objects alone.

    A full collection stops every thread while it looks at all that was ever imported: 0.98 s in a line with records on
    two overloaded cores, and the part under way got ERROR. What is there at the beginning stays to the end anyway.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before_s)
