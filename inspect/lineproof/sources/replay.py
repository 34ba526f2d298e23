"""Recorded pictures as a Source: the same frames again, at a rate or as fast as they are taken."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import NamedTuple

from lineproof.core import Frame, Image
from lineproof.errors import FrameError, ImageError, SourceEnded
from lineproof.sources.pace import Pace


class Picture(NamedTuple):
    """One recorded picture, or why it is none."""

    part_id: str
    origin: str
    image: Image | ImageError


class ReplaySource:
    """Plays pictures; each is decoded before it is due, so that decoding costs none of the part's time."""

    def __init__(
        self, pictures: Generator[Picture], *, source_id: str, view: str = "main", rate_hz: float | None = None
    ) -> None:
        """Take an iterator that opens its files lazily and closes them when it is closed."""
        self._pictures = pictures
        self._source_id = source_id
        self._view = view
        self._pace = Pace(rate_hz)
        self._next: Picture | None = None
        self._busy = threading.Lock()
        self._closed = False

    def grab(self, timeout_s: float) -> Frame:
        """The next picture when it is due; raises SourceEnded, SourceTimeout, or FrameError for a damaged file."""
        with self._busy:
            if self._closed:
                raise SourceEnded("the replay was closed")
            self._next = self._next or next(self._pictures, None)
            if self._next is None:
                raise SourceEnded("the replay is through")
            self._pace.wait(timeout_s)
            picture, self._next = self._next, None
        if isinstance(picture.image, ImageError):
            raise FrameError(
                picture.image.message, part_id=picture.part_id, origin=picture.origin, hint=picture.image.hint
            )
        return Frame(picture.image, picture.part_id, source_id=self._source_id, view=self._view, origin=picture.origin)

    def close(self) -> None:
        """Release the files."""
        self._pace.stop()
        # A read from a dead network share can hang: then the file is left to the end of the process.
        if self._busy.acquire(timeout=1.0):
            self._closed = True
            self._pictures.close()
            self._busy.release()
