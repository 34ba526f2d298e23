"""What a station adds to an inspection: the trigger it answered, its moments, its gates, and the controller's receipt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lineproof.core.station import Outcome

GateValue = float | str | bool | None  # as measured; None: not measured


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by both clocks."""

    ns: int  # monotonic: comparable within one boot only
    at: datetime  # UTC

    @classmethod
    def now(cls) -> Moment:
        """By both clocks, now."""
        return cls(time.monotonic_ns(), datetime.now(UTC))

    @classmethod
    def of(cls, ns: int) -> Moment:
        """The same moment by both clocks, from the monotonic one."""
        ago_us = (time.monotonic_ns() - ns) / 1000
        return cls(ns, datetime.now(UTC) - timedelta(microseconds=ago_us))


@dataclass(frozen=True, slots=True)
class Cycle:
    """One trigger and its one terminal answer."""

    session: int  # uint32 of the start
    seq: int  # uint32 of the trigger
    outcome: Outcome
    triggered: Moment
    result: Moment  # the answer was shown to the controller
    exposed: Moment | None = None  # None: no image was taken
    gates: Mapping[str, GateValue] = field(default_factory=dict)  # what the image was checked for


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The controller has read the result of a trigger; it comes after the row was written."""

    session: int
    seq: int
    read: Moment
