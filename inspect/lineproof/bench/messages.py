"""What a contender's process is told and what it answers: JSON, one object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

Kind = Literal["bare", "engine", "openvino", "opencv", "plain", "ultralytics"]


@dataclass(frozen=True, slots=True)
class Job:
    """One contender: what to run, on what, with how many threads."""

    kind: Kind
    model: str  # an ONNX file; for "engine" instead a bundle, when there is no spec
    threads: int
    all_cores: bool  # these are all the process has: the runtime's own choice, which also pins
    frame: str = ""  # .npy of an (H, W, 3) uint8 BGR frame; not used by "bare"
    spec: str = ""  # EngineSpec as JSON; of the model, and for peers of the bundle whose model they replace
    provider: str = "cpu"
    precision: str = "fp32"
    spin: bool = False
    fallback_model: str = ""  # opencv: the stock export, for a model it cannot read
    full_masks: bool = False  # ultralytics: masks at frame resolution, as all others give them

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """The same back."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender's first answer: it stands, or says why it cannot."""

    provider: str = ""  # what really runs it
    precision: str = "fp32"
    detections: int | None = None  # found on the frame; a bare run finds none
    note: str = ""
    not_run: str = ""  # why it cannot; everything else is then meaningless

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Ready:
        """The same back."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a contender."""

    times_ms: list[float]
    stages_ms: dict[str, list[float]] = field(default_factory=dict)  # preprocess, infer, postprocess; may be empty
    cpu_ms: float = 0.0  # of all threads, per call
    rss_mib: float | None = None  # held now
    peak_mib: float | None = None  # the most ever held

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Turn:
        """The same back."""
        return cls(**json.loads(line))
