"""A lock of the operating system on an open file: it goes with the process that holds it, however that ends."""

from __future__ import annotations

import os
import sys


def lock_file(descriptor: int) -> None:
    """Take it at once, closing the file lets go; raises OSError when somebody else has it. What is written can be read."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # a locked byte cannot be read there, so not one of the words
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
