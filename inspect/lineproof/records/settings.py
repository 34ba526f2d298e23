"""The `records` section of a line file: where rows and images go, which images, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lineproof.settings import StrictModel


class ImageSettings(StrictModel):
    """Which images are kept; those of FAIL, REVIEW and FAULT always are."""

    pass_every: int = Field(default=100, ge=0, description="keep the image of one in so many PASS parts; 0: none")
    format: Literal["png", "jpeg"] = Field(default="png", description="png keeps every pixel; jpeg is smaller")
    jpeg_quality: int = Field(default=92, ge=1, le=100, description="only for jpeg")


class BacklogSettings(StrictModel):
    """What may wait in memory while the disk is slow or full; beyond it images are dropped first, then oldest rows."""

    rows: int = Field(default=20_000, ge=1, description="rows that may wait; about 2 kB each")
    images_mb: int = Field(default=256, ge=0, description="pixels that may wait, in MB; PASS images may use half of it")


class RetentionSettings(StrictModel):
    """When images are removed: oldest PASS first, then REVIEW; FAULT and FAIL only when allowed. Rows stay longer."""

    max_gb: float = Field(default=50, gt=0, description="all images together, in GB; beyond it none are written")
    min_free_gb: float = Field(
        default=1, ge=0, description="disk space that images leave free, in GB; never less than 8 MB"
    )
    max_days: float | None = Field(default=None, gt=0, description="images older than this are removed")
    delete_rejects: bool = Field(
        default=False, description="may FAULT and FAIL images be removed as well, oldest first?"
    )
    max_row_days: float | None = Field(
        default=None, gt=0, description="rows older than this, and without an image, are removed; default: never"
    )


class RecordSettings(StrictModel):
    """Where and how inspections are recorded."""

    folder: Path = Field(default=Path("records"), description="holds records.db and images/; one writer per folder")
    url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of another database; default: $LINEPROOF_RECORDS_URL, else SQLite in the folder",
    )
    required: bool = Field(
        default=False, description="of stations: while nothing can be written no part is inspected; default: a warning"
    )
    images: ImageSettings = Field(default_factory=ImageSettings, description="which images are kept")
    backlog: BacklogSettings = Field(default_factory=BacklogSettings, description="what may wait in memory")
    retention: RetentionSettings = Field(default_factory=RetentionSettings, description="what is removed, and when")
