"""A source from its settings."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from lineproof.errors import MissingExtra
from lineproof.ports import Source
from lineproof.sources.settings import (
    BaslerSettings,
    CameraSettings,
    FolderSettings,
    GenicamSettings,
    SourceSettings,
    StreamSettings,
    VideoSettings,
)


def open_source(settings: SourceSettings) -> Source:
    """Open what the line file names.

    Raises:
        InputError: nothing to replay there.
        SourceLost: the camera or stream is not there, is read by another line, or gives no picture.
        MissingExtra: the camera's library is not installed.
    """
    match settings:
        case FolderSettings():
            from lineproof.sources.folder import open_folder

            return open_folder(settings)
        case VideoSettings():
            from lineproof.sources.video import open_video

            return open_video(settings)
        case _:
            return _open_live(settings)


def _open_live(settings: CameraSettings | StreamSettings | GenicamSettings | BaslerSettings) -> Source:
    from lineproof.sources.capture import CaptureSource
    from lineproof.sources.lease import Lease

    lease = Lease(settings.name)
    match settings:
        case CameraSettings():
            from lineproof.sources.camera import open_camera

            camera = partial(open_camera, settings, lease.claim)
            return CaptureSource(camera, settings, f"camera {settings.index}", lease).start()
        case StreamSettings():
            from lineproof.sources.redact import redact
            from lineproof.sources.stream import open_stream

            stream = partial(open_stream, settings, lease.claim)
            return CaptureSource(stream, settings, redact(settings.url), lease).start()
        case GenicamSettings():
            _require("genicam", "harvesters")
            from lineproof.sources.genicam import open_genicam
            from lineproof.sources.industrial import wanted

            return CaptureSource(
                partial(open_genicam, settings, lease.claim), settings, wanted(settings), lease
            ).start()
        case BaslerSettings():
            _require("basler", "pypylon")
            from lineproof.sources.industrial import wanted
            from lineproof.sources.pylon import open_basler

            return CaptureSource(partial(open_basler, settings, lease.claim), settings, wanted(settings), lease).start()


def _require(extra: str, module: str) -> None:
    if find_spec(module) is None:
        raise MissingExtra(
            f"source.kind {extra} needs {module}, which is not installed", hint=f"pip install 'lineproof[{extra}]'"
        )
