"""The line file: what to look at, what is tolerated, what to keep; every room brings its own section."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from lineproof.engine.regions import Region
from lineproof.errors import SettingsError
from lineproof.line.settings import LineSettings
from lineproof.records.settings import RecordSettings
from lineproof.rules.tolerance import Rules
from lineproof.serve.settings import ServeSettings
from lineproof.settings import StrictModel, load_settings
from lineproof.sources.settings import SourceSettings
from lineproof.watch.settings import QualitySettings


class LineFile(StrictModel):
    """Everything about one line; relative paths start at the folder of the file."""

    name: str = Field(min_length=1, description="what the plant calls this line")
    bundle: Path = Field(description="the sealed bundle that decides")
    require_proof: bool = Field(
        default=False, description="ready only with a bundle that was proven under these rules and regions"
    )
    provider: Literal["auto", "cpu", "openvino", "cuda", "tensorrt"] = Field(
        default="auto", description="required hardware; `auto` may fall back to the CPU and says so"
    )
    source: SourceSettings | None = Field(default=None, description="where frames come from; `run` needs it")
    line: LineSettings = Field(default_factory=LineSettings, description="trigger, deadline and budgets")
    regions: tuple[Region, ...] = Field(
        default=(), description="where to look, at full resolution; default: the whole frame"
    )
    rules: Rules = Field(default_factory=Rules, description="what is tolerated, per class")
    quality: QualitySettings | None = Field(
        default=None, description="what a good frame looks like, from `lineproof commission`; default: not checked"
    )
    records: RecordSettings | None = Field(default=None, description="what to keep; default: nothing is recorded")
    serve: ServeSettings = Field(default_factory=ServeSettings, description="the HTTP door; default: loopback only")

    @property
    def proven_under(self) -> str:
        """The tolerances that the bundle must be proven under; empty: none need be."""
        return tolerance_digest(self.rules, self.regions) if self.require_proof else ""


def load_line(path: Path) -> LineFile:
    """Read a line file, its relative paths made absolute from its own folder; raises SettingsError naming the key."""
    line = load_settings(path, LineFile)
    folder = path.absolute().parent
    changes: dict[str, object] = {"bundle": folder / line.bundle}
    if line.source is not None:
        changes["source"] = line.source.located(folder)
    if line.quality is not None:
        changes["quality"] = line.quality.located(folder)
    if line.records is not None:
        changes["records"] = line.records.model_copy(update={"folder": folder / line.records.folder})
    if line.serve.token_file is not None:
        changes["serve"] = line.serve.model_copy(update={"token_file": folder / line.serve.token_file})
    return line.model_copy(update=changes)


def line_digest(path: Path) -> str:
    """sha256 (hex) of the file as it is on disk: it goes into every record."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None


def tolerance_digest(rules: Rules, regions: Sequence[Region] = ()) -> str:
    """sha256 (hex) of what decides about a part beside the bundle: the rules, and where the line looks."""
    told = {
        "rules": rules.model_dump(mode="json"),
        "regions": [region.model_dump(mode="json") for region in regions],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
