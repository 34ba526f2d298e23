"""The line file: what to look at, what is tolerated, what to keep; every room brings its own section."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lineproof.engine.codes import CodeSettings
from lineproof.engine.regions import Region
from lineproof.errors import SettingsError
from lineproof.line.conduct.settings import WITH_PART_ID, StationName, StationSettings
from lineproof.line.settings import LineSettings
from lineproof.line.station.station import Terms
from lineproof.records.settings import RecordSettings
from lineproof.rules.tolerance import Rules
from lineproof.serve.settings import ServeSettings
from lineproof.settings import StrictModel, load_settings
from lineproof.signals.settings import IoSettings
from lineproof.sources.settings import SourceSettings
from lineproof.watch.settings import QualitySettings

MODBUS_CHARS = 16  # of PART_ID in the register map


class StationSection(StationSettings):
    """A station, with what other rooms do for it."""

    code: CodeSettings | None = Field(
        default=None, description="a code on the picture of the first camera is the part id"
    )
    quality: dict[str, QualitySettings] = Field(
        default_factory=dict, description="what a good frame looks like, by view, as learnt by `commission`"
    )

    @model_validator(mode="after")
    def _views_exist(self) -> Self:
        stray = next((view for view in self.quality if view not in self.terms.views), None)
        if stray is not None:
            raise ValueError(f"quality.{stray}: no camera has this view; there are {', '.join(self.terms.views)}")
        return self

    @model_validator(mode="after")
    def _known_parts_can_be_told(self) -> Self:
        if self.challenge is not None and self.code is None and self.trigger not in WITH_PART_ID:
            raise ValueError(
                f"challenge: trigger {self.trigger} names no part; let the section code read the id on the part"
            )
        if self.challenge is not None and self.code is None and self.trigger == "modbus":
            long = next((part_id for part_id in self.challenge.parts if len(part_id) > MODBUS_CHARS), None)
            if long is not None:
                raise ValueError(f"challenge: {long} is longer than the {MODBUS_CHARS} characters of PART_ID")
        return self

    @property
    def terms(self) -> Terms:
        """As the decision core takes it."""
        return replace(super().terms, reads_part_id=self.code is not None)

    def located(self, folder: Path) -> Self:
        """The same settings with relative paths taken from `folder`, where the line file lies."""
        quality = {view: one.located(folder) for view, one in self.quality.items()}
        return super().located(folder).model_copy(update={"quality": quality})


class Recipe(StrictModel):
    """Another kind of part on the same line: what decides about it."""

    bundle: Path = Field(description="the sealed bundle that decides")
    rules: Rules = Field(default_factory=Rules, description="what is tolerated, per class")
    regions: tuple[Region, ...] = Field(default=(), description="where to look; default: the whole frame")
    note: str = Field(default="", description="what the plant calls it")

    @property
    def proven_under(self) -> str:
        """The tolerances that its bundle must be proven under, where the line file asks for a proof."""
        return tolerance_digest(self.rules, self.regions)


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
    stations: dict[StationName, StationSection] = Field(
        default_factory=dict, description="instead of `source`: where parts are inspected on a trigger, by name"
    )
    recipe: int = Field(
        default=0, ge=0, le=65535, description="number of this line file's own bundle and rules, active at the start"
    )
    recipes: dict[Annotated[int, Field(ge=1, le=65535)], Recipe] = Field(
        default_factory=dict, description="of `stations`: what a controller may ask for instead, by number"
    )
    io: IoSettings = Field(default_factory=IoSettings, description="the wires between `stations` and their controllers")
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

    @model_validator(mode="before")
    @classmethod
    def _with_commissioned(cls, data: object) -> object:
        """`commissioned: {STATION: {VIEW: …}}`, which `commission` writes at the file's end, is the stations' `quality`."""
        if not isinstance(data, dict) or "commissioned" not in data:
            return data
        rest = {name: value for name, value in data.items() if name != "commissioned"}
        return rest | {"stations": _with_learnt(data.get("stations"), data["commissioned"])}

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.stations and self.source is not None:
            raise ValueError(
                "`source` and `stations`: a line has one or the other; a station's cameras stand in `cameras`"
            )
        if self.io.named and not self.stations:
            raise ValueError("`io` without `stations`: a wire shows stations")
        if self.recipes and not self.stations:
            raise ValueError("`recipes` without `stations`: only a controller asks for another recipe")
        if self.recipes and (self.recipe == 0 or self.recipe in self.recipes):
            raise ValueError(
                "recipe: with `recipes` the line's own needs a number too, from 1 on and not one of theirs"
            )
        if self.stations and self.quality is not None:
            raise ValueError(
                "`quality` beside `stations`: each camera has its own, see `lineproof commission --station`"
            )
        return self

    @model_validator(mode="after")
    def _wired(self) -> Self:
        stray = next((name for name in self.io.gpio if name not in self.stations), None)
        if stray is not None:
            raise ValueError(f"io.gpio.{stray}: there is no station of this name")
        for name, station in self.stations.items():
            if station.needs_wire and station.trigger not in self.io.named:
                raise ValueError(f"stations.{name}.trigger is {station.trigger}, and there is no io.{station.trigger}")
            if station.trigger in ("gpio", "encoder") and name not in self.io.gpio:
                raise ValueError(f"stations.{name}.trigger is {station.trigger}, and there is no io.gpio.{name}")
            if self.io.modbus is not None and name not in self.io.modbus.stations:
                raise ValueError(f"io.modbus.stations: where does station {name} lie? e.g. {name}: {{unit: 1}}")
        return self

    @property
    def all_recipes(self) -> dict[int, Recipe]:
        """By number, the line file's own first."""
        own = Recipe(bundle=self.bundle, rules=self.rules, regions=self.regions)
        return {self.recipe: own, **self.recipes}

    @property
    def proven_under(self) -> str:
        """The tolerances that the bundle must be proven under; empty: none need be."""
        return tolerance_digest(self.rules, self.regions) if self.require_proof else ""


def _with_learnt(stations: object, learnt: object) -> dict[str, object]:
    """Stations as written, each view's learnt values in its `quality`; raises ValueError where they have no place."""
    found = dict(stations) if isinstance(stations, dict) else {}
    if not isinstance(learnt, dict):
        raise ValueError("commissioned: expected station → view → what was learnt")  # noqa: TRY004 (pydantic takes no other)
    for name, views in learnt.items():
        station = found.get(name)
        if not isinstance(station, dict) or not isinstance(views, dict):
            raise ValueError(f"commissioned.{name}: there is no such station")  # noqa: TRY004
        by_hand = station.get("quality") or {}
        twice = next((view for view in views if view in by_hand), None)
        if twice is not None:
            raise ValueError(f"commissioned.{name}.{twice}: stands in stations.{name}.quality too, remove one of them")
        found[name] = station | {"quality": {**by_hand, **views}}
    return found


def load_line(path: Path) -> LineFile:
    """Read a line file, its relative paths made absolute from its own folder; raises SettingsError naming the key."""
    line = load_settings(path, LineFile)
    folder = path.absolute().parent
    changes: dict[str, object] = {"bundle": folder / line.bundle}
    if line.source is not None:
        changes["source"] = line.source.located(folder)
    changes["recipes"] = {
        number: recipe.model_copy(update={"bundle": folder / recipe.bundle}) for number, recipe in line.recipes.items()
    }
    changes["stations"] = {name: station.located(folder) for name, station in line.stations.items()}
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
