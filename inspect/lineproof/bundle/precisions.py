"""What a bundle says about the precisions that were tried when it was sealed."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from lineproof.settings import StrictModel

Precision = Literal["fp32", "fp16", "bf16", "int8"]


class PrecisionRow(StrictModel):
    """One precision on one provider, measured through the runtime engine on every validation image."""

    precision: Precision = Field(description="of the arithmetic")
    provider: str = Field(description="what really ran, e.g. CPUExecutionProvider")
    threads: int = Field(ge=0, description="of the session; 0: one per core")
    latency_ms: float = Field(ge=0, description="median of one image, end to end")
    latency_p99_ms: float = Field(ge=0, description="99th percentile of the same runs")
    map50: float | None = Field(default=None, description="boxes, mAP at IoU 0.5")
    map50_95: float | None = Field(default=None, description="boxes, mAP at IoU 0.5 to 0.95")
    mask_map50: float | None = Field(default=None, description="masks, mAP at IoU 0.5")
    decision_flips: int = Field(ge=0, description="images decided otherwise than in fp32 at the same thresholds")
    images: int = Field(ge=0, description="images compared")
    machine: str = Field(description="processor, or GPU")
    date: dt.date = Field(description="of the measurement")
