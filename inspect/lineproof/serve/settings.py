"""The `serve:` section of a line file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from lineproof.core.decode import MAX_PIXELS
from lineproof.settings import StrictModel

MB = 1_000_000


class ServeSettings(StrictModel):
    """How the HTTP door listens, how much it takes in, and how long a caller waits."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to bind; any but loopback needs a token")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 takes a free one and prints it")
    token_file: Path | None = Field(
        default=None,
        description="file holding the access token, or one `name:token` per line for several callers; "
        "default: the variable LINEPROOF_TOKEN, if set",
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="further names callers may use in the URL; with a token and no names here, any",
    )
    deadline_ms: float = Field(
        default=5000, gt=0, le=600_000, description="from the arrival of a request to its verdict; after it 504"
    )
    queue: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="images that may wait for the engine; after it 429. With several tokens, each that waits has an "
        "equal share: when the queue is full, a caller below it takes the place of the newest image of the largest",
    )
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="images decoded and inspected at once, each in a thread of its own; default: one for each core on a "
        "CPU, two batches on a GPU",
    )
    max_batch: int = Field(
        default=8,
        ge=1,
        le=256,
        description="on a GPU: most images of several callers in one run; 1 runs each alone. A CPU never batches",
    )
    gather_ms: float = Field(
        default=0,
        ge=0,
        le=1000,
        description="on a GPU: how long a batch waits for company, at most a tenth of the deadline; 0: a batch is what "
        "came while the one before it ran",
    )
    max_body_mb: float = Field(
        default=32, gt=0, le=1000, description="largest upload, in MB of 10⁶ bytes; after it 413"
    )
    max_megapixels: float = Field(
        default=MAX_PIXELS / 1e6, gt=0, le=MAX_PIXELS / 1e6, description="largest image, told from its header; else 413"
    )
    upload_timeout_s: float = Field(
        default=10, gt=0, le=600, description="time for one upload to come in; after it 408"
    )
    uploads_in_memory_mb: float = Field(
        default=256, gt=0, description="all uploads being received or waiting, together; after it 429"
    )
    repeat_window_s: float = Field(
        default=60, ge=0, le=86_400, description="how long the same part_id and view get the same inspection again"
    )
    repeat_limit: int = Field(default=4096, ge=1, le=1_000_000, description="how many inspections are kept for repeats")

    @property
    def max_body_bytes(self) -> int:
        """The largest upload in bytes."""
        return int(self.max_body_mb * MB)

    @property
    def max_pixels(self) -> int:
        """The largest image in pixels."""
        return int(self.max_megapixels * 1e6)
