"""One clear line instead of OpenCV's and FFMPEG's own: theirs repeat URLs with their passwords."""

from __future__ import annotations

import os

import cv2


def quiet_opencv() -> None:
    """Silence both unless the environment asks for them; call before a capture is opened."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read by OpenCV at its first FFMPEG capture
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
