"""A source from its settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from lineproof.errors import MissingExtra
from lineproof.ports import Source
from lineproof.sources.handle import Handle
from lineproof.sources.settings import (
    AravisSettings,
    BaslerSettings,
    CameraSettings,
    FolderSettings,
    GenicamSettings,
    SourceSettings,
    StreamSettings,
    VideoSettings,
)

LiveKind = CameraSettings | StreamSettings | GenicamSettings | BaslerSettings | AravisSettings


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


def _open_live(settings: LiveKind) -> Source:
    from lineproof.sources.capture import CaptureSource
    from lineproof.sources.lease import Lease

    lease = Lease(settings.name)
    opener, what = _opener(settings, lease.claim)
    return CaptureSource(opener, settings, what, lease).start()


def _opener(settings: LiveKind, claim: Callable[[str], None]) -> tuple[Callable[[], Handle], str]:
    """How a fresh handle is had, and the device in words without secrets."""
    from lineproof.sources.industrial import wanted

    match settings:
        case CameraSettings():
            from lineproof.sources.camera import open_camera

            return partial(open_camera, settings, claim), f"camera {settings.index}"
        case StreamSettings():
            from lineproof.sources.redact import redact
            from lineproof.sources.stream import open_stream

            return partial(open_stream, settings, claim), redact(settings.url)
        case GenicamSettings():
            _require("genicam", "harvesters", "pip install 'lineproof[genicam]'")
            from lineproof.sources.genicam import open_genicam

            return partial(open_genicam, settings, claim), wanted(settings)
        case BaslerSettings():
            _require("basler", "pypylon", "pip install 'lineproof[basler]'")
            from lineproof.sources.pylon import open_basler

            return partial(open_basler, settings, claim), wanted(settings)
        case AravisSettings():
            # From Debian, not from PyPI.
            _require(
                "aravis", "gi", "apt-get install gir1.2-aravis-0.8 python3-gi; python -m venv --system-site-packages"
            )
            from lineproof.sources.aravis import open_aravis

            return partial(open_aravis, settings, claim), wanted(settings)


def _require(kind: str, module: str, remedy: str) -> None:
    if find_spec(module) is None:
        raise MissingExtra(f"source.kind {kind} needs {module}, which is not installed", hint=remedy)
