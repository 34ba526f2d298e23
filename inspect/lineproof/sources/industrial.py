"""What all GenICam cameras have in common: how one is chosen, told what to do, triggered and read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Shot
from lineproof.sources.settings import IndustrialSettings

TURN_S = 0.1  # one wait in a driver: also how soon a stop is heard

BUFFERS = 10  # pictures on their way at once, as many as pylon has: the thread that reads may be late by so many


class Seen(NamedTuple):
    """A camera that answered."""

    model: str
    serial: str

    @property
    def identity(self) -> str:
        """The same through every driver: a camera is leased once, whoever opens it."""
        return f"{self.model} {self.serial}"


class Wish(NamedTuple):
    """A feature and its value, in the spelling of GenICam."""

    name: str
    value: str | bool
    must: bool = True  # False: a camera that lacks the feature behaves that way already

    def spelled(self, now: str) -> str:
        """The value as the feature spells it, by what it is `now`: YAML reads `GainAuto: Off` as false."""
        if isinstance(self.value, str):
            return self.value
        if now.lower() in ("true", "false", "0", "1"):
            return str(self.value).lower()
        return "On" if self.value else "Off"


class IndustrialHandle(ABC):
    """An open camera; drivers fill in the last steps."""

    failures: tuple[type[Exception], ...]  # what the driver raises

    def __init__(self, settings: IndustrialSettings, what: str) -> None:
        """`what` is the camera in words, for messages."""
        self._what = what
        self._trigger = settings.trigger
        self._stall_s = settings.stall_s
        self._due_ns: int | None = None  # since when a picture is awaited

    def started(self, settings: IndustrialSettings) -> Self:
        """Told what the settings say, running, and proven by one picture (a hardware-triggered one by its answers).

        Raises:
            SourceLost: it refuses, or gives no picture that can be used; it is closed then.
        """
        try:
            for wish in wishes(settings):
                self._tell(wish)
            self._run()
            while settings.trigger != "hardware" and self.read() is None:
                pass
        except self.failures as error:
            self.close()
            raise SourceLost(f"{self._what}: {first_words(error)}", hint="check power and cable") from None
        except SourceLost:
            self.close()
            raise
        except ImageError:
            pass  # damaged, but it came; the thread that reads on will count it
        return self

    def read(self) -> Shot | None:
        """The next picture, None when it is not there yet; an incomplete one is an ImageError."""
        try:
            if self._due_ns is None:
                self._due_ns = time.monotonic_ns()
                if self._trigger == "software":
                    self._expose()
            shot = self._fetch()
            if shot is None:
                self._check_silence(self._due_ns)
                return None
        except ImageError:
            self._due_ns = None
            raise
        except self.failures as error:
            raise SourceLost(f"{self._what}: {first_words(error)}", hint="check power and cable") from None
        self._due_ns = None
        return shot

    def _check_silence(self, since_ns: int) -> None:
        """Who waits for a hardware trigger may be silent, but must answer; everyone else must bring a picture."""
        if self._trigger == "hardware":
            self._ping()
        elif time.monotonic_ns() - since_ns > self._stall_s * 1e9:
            raise SourceLost(f"{self._what}: no picture for {self._stall_s:g} s", hint="check power and cable")

    def _tell(self, wish: Wish) -> None:
        now = self._value(wish.name)
        if now is None:
            if wish.must:
                raise SourceLost(f"{self._what}: has no feature {wish.name}", hint="check source.features")
            return
        value = wish.spelled(now)
        if value == now:  # some cannot be written because there is no other value
            return
        try:
            self._set(wish.name, value)
        except self.failures as error:
            raise SourceLost(f"{self._what}: {wish.name} = {value} refused ({first_words(error)})") from None

    @abstractmethod
    def close(self) -> None:
        """Stop the camera and let go of it, however much of it is left."""

    @abstractmethod
    def _value(self, name: str) -> str | None:
        """What a feature is now; None when the camera does not have it."""

    @abstractmethod
    def _set(self, name: str, value: str) -> None:
        """Set a feature that the camera has."""

    @abstractmethod
    def _run(self) -> None:
        """Start the pictures."""

    @abstractmethod
    def _expose(self) -> None:
        """Trigger by software."""

    @abstractmethod
    def _fetch(self) -> Shot | None:
        """A picture if one comes within TURN_S; raises ImageError for an incomplete one."""

    @abstractmethod
    def _ping(self) -> None:
        """Raise one of `failures`, or SourceLost, unless the camera answers."""


def choose(seen: Sequence[Seen], settings: IndustrialSettings) -> int:
    """The index of the camera that the settings mean; raises SourceLost naming what is there."""
    fits = [
        index
        for index, camera in enumerate(seen)
        if settings.serial in (None, camera.serial) and settings.model in (None, camera.model)
    ]
    if settings.index is not None and settings.index < len(fits):
        return fits[settings.index]
    if settings.index is None and len(fits) == 1:
        return fits[0]
    listed = ", ".join(camera.identity for camera in seen) or "none"
    if settings.index is None and fits:
        raise SourceLost(f"{len(fits)} cameras match; found: {listed}", hint="set source.serial")
    raise SourceLost(f"{wanted(settings)}: not there; found: {listed}", hint="check power, cable and source.serial")


def wanted(settings: IndustrialSettings) -> str:
    """The camera in words, for messages."""
    words = [settings.model or "", settings.serial or "", "" if settings.index is None else f"#{settings.index}"]
    return " ".join(["camera", *(word for word in words if word)])


def wishes(settings: IndustrialSettings) -> Iterator[Wish]:
    """What the camera is told, in the order that cameras need: format, trigger, then everything else."""
    sizes = {"PixelFormat": settings.pixel_format, "Width": settings.width, "Height": settings.height}
    yield from (Wish(name, str(value)) for name, value in sizes.items() if value is not None)
    yield Wish("AcquisitionMode", "Continuous", must=False)
    triggered = settings.trigger != "free"
    # One picture for each trigger: GenICam Standard Features Naming Convention 2.7, chapter 5.
    yield Wish("TriggerSelector", "FrameStart", must=False)
    yield Wish("TriggerMode", "On" if triggered else "Off", must=triggered)
    if settings.trigger == "software":
        yield Wish("TriggerSource", "Software")
    for name, value in settings.features.items():
        yield Wish(name, value if isinstance(value, bool) else str(value))


def first_words(error: Exception) -> str:
    """The words of a driver's error up to where it tells of its source files."""
    return str(error).partition(" : ")[0]
