"""A camera of this machine, through OpenCV."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import cv2

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import OpenCvHandle
from lineproof.sources.quiet import quiet_opencv
from lineproof.sources.settings import CameraSettings

DEVICES = Path("/dev")


def open_camera(settings: CameraSettings, claim: Callable[[str], None]) -> OpenCvHandle:
    """Claim the camera, open it by index and read one picture.

    Raises:
        SourceLost: not there, busy, or its pictures have another size than asked for.
    """
    what = f"camera {settings.index}"
    linux = sys.platform.startswith("linux")
    if linux:
        check_present(settings.index)
    claim(f"video{settings.index}")
    quiet_opencv()
    # V4L2 by name: with CAP_ANY an absent index is tried on every backend, for seconds.
    capture = cv2.VideoCapture(settings.index, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    _ask_for(capture, settings)
    handle = OpenCvHandle(capture, what)
    try:
        height, width, _ = handle.read().image.shape
        if (settings.width or width, settings.height or height) != (width, height):
            wanted = f"{settings.width or 'any'}×{settings.height or 'any'}"
            raise SourceLost(
                f"{what}: delivers {width}×{height}, asked for {wanted}", hint="set a size that the camera has"
            )
    except (SourceLost, ImageError):
        handle.close()
        raise
    return handle


def check_present(index: int, devices: Path = DEVICES) -> None:
    """Raise SourceLost, naming what is there, when /dev/video{index} is not."""
    found = sorted(
        int(match[1]) for path in devices.glob("video*") if (match := re.fullmatch(r"video([0-9]+)", path.name))
    )
    if index not in found:
        listed = f"found: {', '.join(map(str, found))}" if found else f"{devices}/video*: none"
        raise SourceLost(f"no camera at index {index}; {listed}", hint="check the cable and source.index")


def _ask_for(capture: cv2.VideoCapture, settings: CameraSettings) -> None:
    """Ask; the camera may refuse without a word, so the pictures themselves are checked."""
    wishes = {
        cv2.CAP_PROP_FRAME_WIDTH: settings.width,
        cv2.CAP_PROP_FRAME_HEIGHT: settings.height,
        cv2.CAP_PROP_FPS: settings.fps,
        cv2.CAP_PROP_BUFFERSIZE: 1,  # honoured by V4L2 only; the capture thread drains in any case
    }
    for prop, value in wishes.items():
        if value is not None:
            capture.set(prop, value)
