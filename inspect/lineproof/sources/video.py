"""The frames of a video file, one part per frame."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np

from lineproof.errors import InputError
from lineproof.sources.quiet import quiet_opencv
from lineproof.sources.replay import Picture, ReplaySource
from lineproof.sources.settings import VideoSettings


def open_video(settings: VideoSettings) -> ReplaySource:
    """The video as a source; raises InputError when the file is no video."""
    _open(settings.path).release()  # now, not at the first frame
    pictures = _pictures(settings.path, loop=settings.loop)
    return ReplaySource(pictures, source_id=settings.name, view=settings.view, rate_hz=settings.rate_hz)


def _open(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise InputError(f"{path}: no such video file", hint="check source.path in the line file")
    quiet_opencv()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened() or not capture.grab():
        capture.release()
        raise InputError(f"{path}: no video that FFMPEG can read, or it was cut off", hint="copy or convert it again")
    capture.release()
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)


def _pictures(path: Path, *, loop: bool) -> Generator[Picture]:
    for lap in itertools.count(1) if loop else (1,):
        yield from _one_lap(path, "" if lap == 1 else f"@{lap}")


def _one_lap(path: Path, suffix: str) -> Generator[Picture]:
    capture = _open(path)
    try:
        for number in itertools.count(1):
            there, image = capture.read()
            if not there:
                return
            yield Picture(f"{path.stem}-{number:06d}{suffix}", f"{path}#{number}", np.asarray(image, np.uint8))
    finally:
        capture.release()
