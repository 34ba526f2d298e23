"""A network stream: MJPEG over HTTP is read strictly here, everything else by FFMPEG inside OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import cv2

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Handle, OpenCvHandle
from lineproof.sources.mjpeg import open_mjpeg
from lineproof.sources.quiet import quiet_opencv
from lineproof.sources.redact import redact
from lineproof.sources.settings import StreamSettings


def open_stream(settings: StreamSettings, claim: Callable[[str], None]) -> Handle:
    """Open the URL and read one picture; raises SourceLost without the URL's secrets."""
    if settings.exclusive:
        claim(redact(settings.url))
    if urlsplit(settings.url).scheme in ("http", "https"):
        # FFMPEG completes a truncated JPEG with grey and reports success: a defect there would pass.
        mjpeg = open_mjpeg(settings.url, timeout_s=max(settings.open_timeout_s, settings.stall_s))
        if mjpeg is not None:
            return mjpeg
    return open_ffmpeg(settings)


def open_ffmpeg(settings: StreamSettings) -> OpenCvHandle:
    """Open through FFMPEG by name, its timeouts given at construction: set later they come too late (default: 30 s)."""
    quiet_opencv()
    timeouts = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(settings.open_timeout_s * 1000)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(settings.stall_s * 1000)),
    ]
    capture = cv2.VideoCapture(settings.url, cv2.CAP_FFMPEG, timeouts)
    handle = OpenCvHandle(capture, redact(settings.url))
    try:
        handle.read()
    except (SourceLost, ImageError):
        handle.close()
        raise
    return handle
