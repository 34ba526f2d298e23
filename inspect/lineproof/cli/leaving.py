"""The end of the process when a thread hangs in a driver."""

from __future__ import annotations

import os
import sys
import threading

HANG = ("capture", "feeder", "inference")  # names of threads that may be stuck in a camera driver or an inference


def leave_hung_threads(code: object) -> None:
    """End the process at once with `code` if such a thread is still there; return if there is none.

    Python unwinds a daemon thread that comes back during its shutdown; C++ that catches everything then aborts the
    process ("exception not rethrown"), and a clean end would look like a crash. Everything is written by now.
    """
    hung = [thread for thread in threading.enumerate() if thread.daemon and thread.name.startswith(HANG)]
    if hung:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)
