"""Which camera of a line file is commissioned, and where its values stand there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lineproof.errors import InputError, SettingsError
from lineproof.linefile import LineFile, StationSection
from lineproof.sources.settings import SourceSettings

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Target:
    """One camera: the line's only one, or a view of a station."""

    source: SourceSettings
    station: str = ""
    view: str = ""
    alone: bool = True  # no other camera of the line shares its rules and regions

    @property
    def suffix(self) -> str:
        """For the names of its files."""
        return f".{self.station}-{self.view}" if self.station else ""

    def of_line(self, name: str) -> str:
        """What people call it: `hall-2, press top`, or the line's name where it has one camera."""
        return f"{name}, {self.station} {self.view}" if self.station else name

    def placed(self, quality: Values) -> dict[str, object]:
        """The section as it stands in the line file."""
        return {"commissioned": {self.station: {self.view: quality}}} if self.station else {"quality": quality}

    def section_in(self, values: Values) -> Values:
        """What `placed` put there; empty when there is none."""
        path = ("commissioned", self.station, self.view) if self.station else ("quality",)
        found: object = values
        for name in path:
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return cast("Values", found) if isinstance(found, Mapping) else {}

    def require_alone(self, options: str) -> None:
        """Raise InputError where a scale or a region would hold for cameras that were not looked through."""
        if not self.alone:
            raise InputError(
                f"{options}: scale and regions hold for every camera of the line, and there are several",
                hint="write rules.mm_per_px and regions by hand, if they are the same for all",
            )


def target_of(line: Path, settings: LineFile, station: str | None, view: str | None) -> Target:
    """The camera that is meant; names may be left out where there is but one.

    Raises:
        InputError: no such station or view, or several and no name.
        SettingsError: no camera at all.
    """
    if settings.stations:
        cameras = sum(len(one.cameras) for one in settings.stations.values())
        name = _one_of("--station", station, list(settings.stations))
        return _view_of(name, settings.stations[name], view, alone=cameras == 1)
    if station is not None or view is not None:
        raise InputError("--station and --view: the line has no `stations`", hint="leave them out")
    if settings.source is None:
        raise SettingsError(
            f"{line}: no `source`", hint="say where frames come from, e.g. source: {kind: camera, index: 0}"
        )
    return Target(settings.source)


def _view_of(name: str, station: StationSection, view: str | None, *, alone: bool) -> Target:
    cameras = {camera.view: camera for camera in station.cameras}
    chosen = _one_of("--view", view, list(cameras))
    return Target(cameras[chosen], name, chosen, alone)


def _one_of(option: str, given: str | None, names: list[str]) -> str:
    if given is None and len(names) == 1:
        return names[0]
    if given is not None and given in names:
        return given
    problem = "which one?" if given is None else f"there is no {given}"
    raise InputError(f"{option}: {problem}", hint=f"one of {', '.join(names)}")
