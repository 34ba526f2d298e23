"""A GenICam camera of any maker, through the maker's GenTL producer and harvesters."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from genicam.genapi import GenericException as NodeError
from genicam.gentl import GenericException as TransportError
from harvesters.core import Buffer, Callback, Harvester, ImageAcquirer

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Shot
from lineproof.sources.industrial import BUFFERS, TURN_S, IndustrialHandle, Seen, choose, first_words, wanted
from lineproof.sources.pixels import channels_of, to_bgr
from lineproof.sources.settings import GenicamSettings

PRODUCERS = "GENICAM_GENTL64_PATH"  # where the makers' installers leave their producers (GenTL 1.6, 2.2)

logging.getLogger("harvesters.core").setLevel(logging.CRITICAL)  # it prints a traceback of what it raises as well


class GenicamHandle(IndustrialHandle):
    """An open camera of a producer.

    A producer can be opened once in a process, and looking for cameras closes those that are open: one process reads
    one camera of a producer.
    """

    failures = (NodeError, TransportError)

    def __init__(self, harvester: Harvester, acquirer: ImageAcquirer, settings: GenicamSettings, what: str) -> None:
        super().__init__(settings, what)
        self._harvester = harvester
        self._acquirer = acquirer
        self._nodes = acquirer.remote_device.node_map
        self._torn = _Torn()
        acquirer.add_callback(acquirer.Events.INCOMPLETE_BUFFER, self._torn)

    def close(self) -> None:
        """Stop the camera and let go of the producer, however much of them is left."""
        for step in (self._acquirer.destroy, self._harvester.reset):
            with suppress(*self.failures):
                step()

    def _value(self, name: str) -> str | None:
        return str(self._nodes.get_node(name).to_string()) if self._nodes.has_node(name) else None

    def _set(self, name: str, value: str) -> None:
        self._nodes.get_node(name).from_string(value)

    def _run(self) -> None:
        self._acquirer.num_buffers = max(BUFFERS, self._acquirer.min_num_buffers)
        self._acquirer.start()

    def _expose(self) -> None:
        self._nodes.get_node("TriggerSoftware").execute()

    def _fetch(self) -> Shot | None:
        buffer = self._acquirer.try_fetch(timeout=TURN_S)
        if buffer is not None:
            with buffer:
                return self._shot(buffer)
        if self._torn.seen:
            self._torn.seen = False
            raise ImageError(f"{self._what}: incomplete buffer", hint="check the network: packets were lost")
        return None

    def _ping(self) -> None:
        self._nodes.get_node("Width").get_value(ignore_cache=True)

    def _shot(self, buffer: Buffer) -> Shot:
        """A copy of the picture: the buffer goes back to the producer."""
        picture = buffer.payload.components[0]
        value, wh = picture.data_format_value, (picture.width, picture.height)
        image = to_bgr(np.asarray(picture.data).view(np.uint8), value, wh, self._what)
        return Shot(image, channels_of(value), _told(buffer.module, "frame_id"), _told(buffer.module, "timestamp_ns"))


class _Torn(Callback):  # type: ignore[misc]
    """harvesters throws incomplete buffers away; this is how it tells."""

    seen = False

    def emit(self, context: object | None = None) -> None:
        """Called by harvesters from within a fetch."""
        del context
        self.seen = True


def open_genicam(settings: GenicamSettings, claim: Callable[[str], None]) -> GenicamHandle:
    """Find the camera, claim it, set it up and prove it.

    Raises:
        SourceLost: no producer, no such camera, it is in use, it refuses a feature, or gives no picture that can be used.
    """
    harvester = Harvester()
    try:
        handle = _opened(harvester, settings, claim)
    except (NodeError, TransportError) as error:
        harvester.reset()
        raise SourceLost(f"{wanted(settings)}: {first_words(error)}", hint="another program may have it open") from None
    except SourceLost:
        harvester.reset()
        raise
    return handle.started(settings)


def producers(settings: GenicamSettings) -> list[Path]:
    """The producers to look through; raises SourceLost when there is none."""
    folders = [Path(folder) for folder in os.environ.get(PRODUCERS, "").split(os.pathsep) if folder]
    found = list(settings.cti) or sorted(path for folder in folders for path in folder.glob("*.cti"))
    if not found:
        raise SourceLost("no GenTL producer", hint=f"install the camera maker's, then set source.cti or {PRODUCERS}")
    return found


def _opened(harvester: Harvester, settings: GenicamSettings, claim: Callable[[str], None]) -> GenicamHandle:
    for path in producers(settings):
        try:
            harvester.add_file(str(path), check_existence=True, check_validity=True)
        except OSError as error:
            why = str(error) or "no such file"
            raise SourceLost(f"{path}: no GenTL producer for this machine ({why})") from None
    harvester.update()
    seen = [Seen(str(_told(info, "model") or ""), _serial(info)) for info in harvester.device_info_list]
    chosen = choose(seen, settings)
    claim(seen[chosen].identity)
    return GenicamHandle(harvester, harvester.create(chosen), settings, f"camera {seen[chosen].identity}")


def _serial(info: object) -> str:
    """The serial number; where the producer does not know it, its own name of the camera."""
    return str(_told(info, "serial_number") or _told(info, "id_") or "")


def _told(module: object, name: str) -> int | None:
    """A fact that a producer may leave out."""
    try:
        value: int = getattr(module, name)
    except TransportError:
        return None
    return value
