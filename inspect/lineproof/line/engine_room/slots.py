"""Memory that both processes see: pixels cross by one copy in, and none out.

On Linux a memfd: it has no name in any folder, so nothing is left behind however either process ends, it is not bound by
the 64 MB that containers give /dev/shm, and it can grow while both sides hold it. Elsewhere a file without a name.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import NamedTuple, Protocol

import numpy as np

from lineproof.core import Image
from lineproof.errors import EngineError

# Pages are mapped when a slot is, not one by one under the first part: 900 faults for 1280×960, about 0.5 ms.
_SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)


class _Sent(Protocol):
    """A file on its way to a child that is being started."""

    def detach(self) -> int: ...


class Extent(NamedTuple):
    """Where a frame lies in its slot: pixels first, then the words that go with it."""

    capacity: int  # bytes of the whole slot
    height: int
    width: int
    words: int  # bytes


class Slot:
    """Room for one frame, written by the line; grows with the largest frame it has held."""

    def __init__(self, frame_bytes: int) -> None:
        """Take memory for such a frame at once; raises OSError when there is none."""
        self._fd = _nameless_file()
        try:
            self._memory = self._mapped(_pages(frame_bytes + mmap.PAGESIZE))
        except OSError:
            os.close(self._fd)
            raise

    def write(self, image: Image, words: bytes) -> Extent:
        """Copy a frame `(H, W, 3)` uint8 in; raises OSError when the slot cannot grow to it."""
        if image.nbytes + len(words) > len(self._memory):
            old, self._memory = self._memory, self._mapped(_pages(image.nbytes + len(words)))
            old.close()
        np.copyto(np.frombuffer(self._memory, np.uint8, image.size).reshape(image.shape), image)
        self._memory[image.nbytes : image.nbytes + len(words)] = words
        return Extent(len(self._memory), image.shape[0], image.shape[1], len(words))

    def reader(self) -> SlotReader:
        """The same memory for the child; can be pickled while it is started, and only then."""
        return SlotReader(self._fd)

    def close(self) -> None:
        """Give the memory back once the child has let go of it too."""
        self._memory.close()
        os.close(self._fd)

    def _mapped(self, capacity: int) -> mmap.mmap:
        _extend(self._fd, capacity)
        return mmap.mmap(self._fd, capacity, flags=_SHARED)


class SlotReader:
    """A slot as the child sees it: read-only."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory: mmap.mmap | None = None

    def __reduce__(self) -> tuple[Callable[[_Sent], SlotReader], tuple[_Sent]]:
        """Travel with the file, not with its number."""
        return _arrived, (DupFd(self._fd),)

    def read(self, extent: Extent) -> tuple[Image, bytes]:
        """The image as a read-only view `(H, W, 3)`, good until the job is answered, and the words."""
        if self._memory is None or len(self._memory) != extent.capacity:
            # The former mapping goes when the last view of it does.
            self._memory = mmap.mmap(self._fd, extent.capacity, flags=_SHARED, prot=mmap.PROT_READ)
        pixels = extent.height * extent.width * 3
        image = np.frombuffer(self._memory, np.uint8, pixels).reshape(extent.height, extent.width, 3)
        return image, self._memory[pixels : pixels + extent.words]


def take_slots(number: int, frame_bytes: int) -> tuple[Slot, ...]:
    """So many slots for such frames; raises EngineError when there is not the memory."""
    taken: list[Slot] = []
    try:
        for _ in range(number):
            taken.append(Slot(frame_bytes))  # noqa: PERF401 – those that were had must be given back
    except OSError as error:
        for slot in taken:
            slot.close()
        raise EngineError(
            f"no memory for {number} frames of {frame_bytes / 1e6:.1f} MB: {error}", hint="fewer slots, or more memory"
        ) from None
    return tuple(taken)


def _arrived(file: _Sent) -> SlotReader:
    return SlotReader(file.detach())


def _nameless_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("lineproof-frame")
    else:  # noqa: RET505 – mypy must see that this is for another system
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def _extend(fd: int, capacity: int) -> None:
    """Take the memory now: later, a lack of it would end the process with SIGBUS."""
    if sys.platform == "linux":
        os.posix_fallocate(fd, 0, capacity)
    else:
        os.ftruncate(fd, capacity)


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
