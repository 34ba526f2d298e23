"""Where frames come from, as written in a line file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from lineproof.settings import StrictModel

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "tcp")


class SourceBase(StrictModel):
    """What every source has."""

    name: str = Field(default="camera", min_length=1, description="source_id in every frame, record and message")
    view: str = Field(default="main", min_length=1, description="which side of the part this camera sees")

    exposure_lag_ms: float = Field(
        default=0,
        ge=0,
        le=10_000,
        description="from exposure to the moment at which a picture is stamped: a webcam needs one period of its frames "
        "and what its driver holds back; only pictures exposed after a trigger answer it",
    )

    @property
    def on_demand(self) -> bool:
        """The source can wait for the line; a camera cannot."""
        return False

    def located(self, folder: Path) -> Self:
        """The same settings with relative paths taken from `folder`, where the line file lies."""
        del folder
        return self


class ReplaySettings(SourceBase):
    """Recorded pictures played again."""

    path: Path = Field(description="what to replay; relative to the line file")
    rate_hz: float | None = Field(
        default=None, gt=0, le=1000, description="frames per second; default: as fast as the line takes them"
    )
    loop: bool = Field(default=False, description="start again at the end, under new part ids")

    @property
    def on_demand(self) -> bool:
        """Without a rate the replay waits until the line asks."""
        return self.rate_hz is None

    def located(self, folder: Path) -> Self:
        """The same settings with `path` taken from `folder` where it is relative."""
        return self.model_copy(update={"path": folder / self.path})


class FolderSettings(ReplaySettings):
    """Images of a folder in natural order; each file is one part."""

    kind: Literal["folder"] = Field(description="`folder`: replay the images of a folder")
    only: Path | None = Field(default=None, description="text file with one image name a line: replay just these")
    shuffle_seed: int | None = Field(default=None, description="mix the order, the same way every time")

    def located(self, folder: Path) -> Self:
        """The same settings with both paths taken from `folder` where they are relative."""
        only = None if self.only is None else folder / self.only
        return self.model_copy(update={"path": folder / self.path, "only": only})


class VideoSettings(ReplaySettings):
    """Frames of a video file; each frame is one part."""

    kind: Literal["video"] = Field(description="`video`: replay the frames of a video file")


class LiveSettings(SourceBase):
    """A device that can stall, vanish and come back."""

    open_timeout_s: float = Field(default=5, gt=0, le=60, description="from opening to the first picture")
    stall_s: float = Field(default=2, gt=0, le=60, description="no picture for so long: the handle is given up")
    discard_frames: int = Field(
        default=3, ge=1, le=100, description="first pictures of a fresh handle, thrown away: exposure still moves"
    )
    backoff_s: float = Field(default=0.1, gt=0, le=60, description="wait before the first reopening; doubles")
    backoff_max_s: float = Field(default=2, gt=0, le=600, description="longest wait between two reopenings")
    restarts: int = Field(default=30, ge=0, description="fresh handles within restart_window_s; then lost for good")
    restart_window_s: float = Field(default=300, gt=0, description="the window of `restarts`")


class CameraSettings(LiveSettings):
    """A camera of this machine, opened by OpenCV."""

    kind: Literal["camera"] = Field(description="`camera`: a camera of this machine")
    index: int = Field(ge=0, description="0 is /dev/video0")
    width: int | None = Field(default=None, gt=0, description="picture width in pixels; default: the camera's own")
    height: int | None = Field(default=None, gt=0, description="picture height in pixels; default: the camera's own")
    fps: float | None = Field(default=None, gt=0, description="pictures per second to ask for")


class StreamSettings(LiveSettings):
    """A network stream: strict MJPEG over HTTP, anything else through FFMPEG."""

    kind: Literal["stream"] = Field(description="`stream`: an RTSP or HTTP URL")
    url: str = Field(repr=False, description="with user and password where needed; never shown in messages")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in STREAM_SCHEMES or not parts.netloc:
            raise ValueError(f"expected SCHEME://HOST…, the scheme one of {', '.join(STREAM_SCHEMES)}")
        return url


SourceSettings = Annotated[
    FolderSettings | VideoSettings | CameraSettings | StreamSettings, Field(discriminator="kind")
]
