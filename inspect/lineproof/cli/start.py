"""A start without what no line needs: the garbage collector's rounds and a second pool of threads."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import and open what a verb runs on; no garbage is collected meanwhile, nor ever looked for in what was loaded.

    A start leaves 50 000 objects that stay. Walking them again and again while they arrive takes 30 ms, and walking all
    of them later would stop a line for as long.
    """
    # numpy wakes a thread per core for matrix products, which spin until they sleep (30 ms of a start on two cores).
    # The engine has its own pool, and what it multiplies in numpy is tiny. Without effect once numpy is there.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic looks through every installed package for plugins of its own (10 ms, more where much is installed), and
    # would let one of them rewrite what settings and bundles are checked against.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
