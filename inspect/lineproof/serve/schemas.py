"""The JSON face of an inspection, for the OpenAPI document and for tests; answers are written by `answer.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PART_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"

Name = Annotated[str, Field(pattern=PART_PATTERN)]
SizeWh = tuple[int, int]
_EXACT = ConfigDict(extra="forbid")


class InspectQuery(BaseModel):
    """The query of POST /v1/inspect."""

    model_config = _EXACT

    part_id: Name | None = Field(
        default=None,
        description="which physical part; sent again with the same view within the window, the same inspection comes "
        "back. Default: a fresh one, never repeated",
        examples=["4711"],
    )
    view: Name = Field(default="main", description="which camera position on the part", examples=["main"])


class ReasonOut(BaseModel):
    """Why: the rule that spoke."""

    model_config = _EXACT

    rule: str = Field(description="e.g. `scratch.score`, `deadline`, `engine`")
    text: str = Field(description="the same in a technician's words")
    detection: int | None = Field(description="row of `detections` it spoke about")


class DetectionOut(BaseModel):
    """One finding, in pixels of the image that was sent."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    class_name: str = Field(alias="class", description="one of the bundle's classes")
    score: float = Field(ge=0, le=1, description="the model's confidence")
    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2; of a classifier the whole image")
    area_px: float = Field(ge=0, description="px² of the mask where there is one, else of the box")
    polygon: list[list[tuple[int, int]]] = Field(
        default=[], description="outlines of the mask, largest piece first, each a list of [x, y]; segmentation only"
    )


class TimingsOut(BaseModel):
    """Milliseconds; `total` runs from the arrival of the request to the verdict, waiting included."""

    model_config = _EXACT

    decode: float
    preprocess: float
    infer: float
    postprocess: float
    judge: float
    total: float


class BundleOut(BaseModel):
    """What decided."""

    model_config = _EXACT

    name: str
    digest: str = Field(description="sha256, hex")


class InspectionOut(BaseModel):
    """One decision with its evidence."""

    model_config = _EXACT

    inspection_id: str
    part_id: str
    decision: Literal["PASS", "FAIL", "REVIEW", "FAULT"] = Field(
        description="everything but PASS means reject; FAULT: no valid inspection happened"
    )
    reasons: list[ReasonOut] = Field(description="empty for PASS, else at least one")
    detections: list[DetectionOut] = Field(description="everything above the engine's low floor; the rules decide")
    timings_ms: TimingsOut
    bundle: BundleOut
    provider: str = Field(description="the hardware provider that really ran")
    model_input: SizeWh = Field(description="width and height the model works on")
    image: SizeWh = Field(description="width and height of the image that was sent; [0, 0] when none could be had")


EXAMPLE = {
    "inspection_id": "1a08227d836b441cb5a3ec67e6908483",
    "part_id": "4711",
    "decision": "FAIL",
    "reasons": [{"rule": "scratch.score", "text": "scratch: score 0.91 ≥ 0.50", "detection": 0}],
    "detections": [{"class": "scratch", "score": 0.912, "box": [310.5, 42.0, 371.25, 58.5], "area_px": 1002.4}],
    "timings_ms": {
        "decode": 2.1, "preprocess": 0.3, "infer": 21.4, "postprocess": 0.2, "judge": 0.1, "total": 24.9,
    },
    "bundle": {"name": "tiles", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "provider": "CPUExecutionProvider",
    "model_input": [640, 640],
    "image": [1280, 960],
}  # fmt: skip


class ErrorDetail(BaseModel):
    """What went wrong, and the remedy."""

    model_config = _EXACT

    code: str = Field(description="for programs; the table below lists all")
    message: str = Field(description="for people")
    hint: str = Field(description="the remedy; may be empty")


class ErrorOut(BaseModel):
    """Every answer that is not 2xx."""

    model_config = _EXACT

    error: ErrorDetail


class LiveOut(BaseModel):
    """The process answers."""

    live: Literal[True] = True
    version: str


class ReadyOut(BaseModel):
    """The model is verified, warmed up, and its probes agree on this hardware."""

    ready: Literal[True] = True
    bundle: BundleOut
    provider: str
    fallback: str = Field(default="", description="why `provider: auto` did not get a better one; empty when it did")


class ThresholdOut(BaseModel):
    """The sealed operating point of one class."""

    score: float
    review_score: float


class BundleFacts(BaseModel):
    """What the running bundle is; filled by whoever opened it."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str = Field(description="sha256, hex")
    task: str
    classes: list[str]
    model_input: SizeWh
    score_floor: float = Field(description="detections below it are not reported")
    thresholds: dict[str, ThresholdOut]
    provider: str
    fallback: str = Field(default="", description="why `provider: auto` did not get a better one; empty when it did")
    line_digest: str = Field(default="", description="sha256 of the line file; empty without one")
    manifest: dict[str, object] = Field(default_factory=dict, description="the bundle's manifest as sealed")


class StageStats(BaseModel):
    """Milliseconds over the last inspections."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


class QueueStats(BaseModel):
    """The images that wait for the engine."""

    depth: int
    capacity: int


class StatsOut(BaseModel):
    """What this server did since it started."""

    uptime_s: float
    ready: bool
    decisions: dict[str, int] = Field(description="inspections by decision; late ones count as FAULT")
    rate_per_s: float = Field(description="inspections per second over the last minute")
    stages_ms: dict[str, StageStats] = Field(description="by stage; `wait` is upload and queue")
    queue: QueueStats
    rejected: dict[str, int] = Field(description="refused requests by error code")
    late: int = Field(description="verdicts that came after their 504")
    repeats: int = Field(description="requests answered with an inspection made before")
