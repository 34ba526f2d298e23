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

    @property
    def strobed(self) -> bool:
        """Each picture is asked for by a signal that does not pass through the line."""
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
    width: int | None = Field(default=None, gt=0, description="picture width in pixels; default: as it first comes")
    height: int | None = Field(default=None, gt=0, description="picture height in pixels; default: as it first comes")
    frozen_after: int | None = Field(
        default=2,
        ge=2,
        description="so many equal pictures in a row are a fault; more for H.264 and H.265, whose encoders repeat a "
        "still scene; null: never",
    )

    @property
    def discarded(self) -> int:
        """First pictures of a fresh handle that are no parts."""
        return self.discard_frames


class CameraSettings(LiveSettings):
    """A camera of this machine, opened by OpenCV."""

    kind: Literal["camera"] = Field(description="`camera`: a camera of this machine")
    index: int = Field(ge=0, description="0 is /dev/video0")
    fps: float | None = Field(default=None, gt=0, description="pictures per second to ask for")


class StreamSettings(LiveSettings):
    """A network stream: strict MJPEG over HTTP, anything else through FFMPEG."""

    kind: Literal["stream"] = Field(description="`stream`: an RTSP or HTTP URL")
    url: str = Field(repr=False, description="with user and password where needed; never shown in messages")
    exclusive: bool = Field(
        default=False, description="no other line of this machine may read it; a stream serves several by itself"
    )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in STREAM_SCHEMES or not parts.netloc:
            raise ValueError(f"expected SCHEME://HOST…, the scheme one of {', '.join(STREAM_SCHEMES)}")
        return url


class IndustrialSettings(LiveSettings):
    """A camera with GenICam features, whatever carries its pictures."""

    serial: str | None = Field(default=None, description="serial number, as printed on the camera")
    model: str | None = Field(default=None, description="model name, as the camera tells it")
    index: int | None = Field(
        default=None, ge=0, description="which of those that match, in the order they are found; default: the only one"
    )
    pixel_format: str | None = Field(
        default=None, description="an 8-bit format, e.g. Mono8, BayerRG8, BGR8; default: the camera's own"
    )
    trigger: Literal["free", "software", "hardware"] = Field(
        default="free",
        description="`free`: picture after picture; `software`: exposed when the line is ready for a part; "
        "`hardware`: by a signal on the camera's input, which `features` names, e.g. TriggerSource: Line1",
    )
    features: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="GenICam features by name, set in this order, e.g. ExposureTime: 800"
    )

    @property
    def on_demand(self) -> bool:
        """A software trigger waits until the line asks."""
        return self.trigger == "software"

    @property
    def strobed(self) -> bool:
        """A hardware trigger comes from elsewhere."""
        return self.trigger == "hardware"

    @property
    def discarded(self) -> int:
        """None of a hardware-triggered camera: its first picture is a part already."""
        return 0 if self.trigger == "hardware" else self.discard_frames


class GenicamSettings(IndustrialSettings):
    """A camera of any maker, through the maker's GenTL producer."""

    kind: Literal["genicam"] = Field(description="`genicam`: a GenICam camera through a GenTL producer")
    cti: tuple[Path, ...] = Field(
        default=(), description="files of GenTL producers; default: all in the folders of GENICAM_GENTL64_PATH"
    )

    def located(self, folder: Path) -> Self:
        """The same settings with `cti` taken from `folder` where it is relative."""
        return self.model_copy(update={"cti": tuple(folder / path for path in self.cti)})


class BaslerSettings(IndustrialSettings):
    """A Basler camera through pylon."""

    kind: Literal["basler"] = Field(description="`basler`: a Basler camera")


class AravisSettings(IndustrialSettings):
    """A GigE Vision or USB3 Vision camera through Aravis."""

    kind: Literal["aravis"] = Field(description="`aravis`: a GigE Vision or USB3 Vision camera, without a maker's SDK")


SourceSettings = Annotated[
    FolderSettings
    | VideoSettings
    | CameraSettings
    | StreamSettings
    | GenicamSettings
    | BaslerSettings
    | AravisSettings,
    Field(discriminator="kind"),
]
