"""A source from its settings."""

from __future__ import annotations

from functools import partial

from lineproof.ports import Source
from lineproof.sources.settings import CameraSettings, FolderSettings, SourceSettings, StreamSettings, VideoSettings


def open_source(settings: SourceSettings) -> Source:
    """Open what the line file names.

    Raises:
        InputError: nothing to replay there.
        SourceLost: the camera or stream is not there, or gives no picture.
    """
    match settings:
        case FolderSettings():
            from lineproof.sources.folder import open_folder

            return open_folder(settings)
        case VideoSettings():
            from lineproof.sources.video import open_video

            return open_video(settings)
        case CameraSettings():
            from lineproof.sources.camera import open_camera
            from lineproof.sources.capture import CaptureSource

            return CaptureSource(partial(open_camera, settings), settings, f"camera {settings.index}").start()
        case StreamSettings():
            from lineproof.sources.capture import CaptureSource
            from lineproof.sources.redact import redact
            from lineproof.sources.stream import open_stream

            return CaptureSource(partial(open_stream, settings), settings, redact(settings.url)).start()
