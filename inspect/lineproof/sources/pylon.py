"""A Basler camera, through pylon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from pypylon import pylon
from pypylon.genicam import GenericException, IsImplemented

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Shot
from lineproof.sources.industrial import TURN_S, IndustrialHandle, Seen, choose, first_words, wanted
from lineproof.sources.pixels import channels_of, to_bgr
from lineproof.sources.settings import BaslerSettings

TURN_MS = int(TURN_S * 1000)
NO_COUNTER = 2**64 - 1  # BlockID of a camera that does not count


class PylonHandle(IndustrialHandle):
    """An open Basler camera."""

    failures = (GenericException,)

    def __init__(self, camera: pylon.InstantCamera, settings: BaslerSettings, what: str) -> None:
        super().__init__(settings, what)
        self._camera = camera
        self._nodes = camera.GetNodeMap()
        frequency = self._nodes.GetNode("GevTimestampTickFrequency")  # older GigE cameras; others count nanoseconds
        self._ns_per_tick = 1e9 / frequency.GetValue() if IsImplemented(frequency) else 1.0

    def close(self) -> None:
        """Stop the camera and let go of it, however much of it is left."""
        for step in (self._camera.StopGrabbing, self._camera.Close, self._camera.DestroyDevice):
            with suppress(*self.failures):
                step()

    def _value(self, name: str) -> str | None:
        node = self._nodes.GetNode(name)
        return str(node.ToString()) if IsImplemented(node) else None

    def _set(self, name: str, value: str) -> None:
        self._nodes.GetNode(name).FromString(value)

    def _run(self) -> None:
        self._camera.StartGrabbing(pylon.GrabStrategy_OneByOne)

    def _expose(self) -> None:
        """A trigger that comes while the sensor is still busy is ignored by the camera: wait until it is not."""
        if self._camera.CanWaitForFrameTriggerReady() and not self._camera.WaitForFrameTriggerReady(
            int(self._stall_s * 1000), pylon.TimeoutHandling_Return
        ):
            raise SourceLost(f"{self._what}: not ready for its software trigger", hint="check power and cable")
        self._camera.ExecuteSoftwareTrigger()

    def _fetch(self) -> Shot | None:
        result = self._camera.RetrieveResult(TURN_MS, pylon.TimeoutHandling_Return)
        try:
            return self._shot(result) if result.IsValid() else None
        finally:
            result.Release()

    def _ping(self) -> None:
        if not self._camera.IsGrabbing():
            raise SourceLost(f"{self._what}: taken away", hint="check power and cable")
        self._nodes.GetNode("Width").GetValue(False, True)  # noqa: FBT003 (not verified, and past the cache)

    def _shot(self, result: pylon.GrabResult) -> Shot:
        if not result.GrabSucceeded():
            what = f"{self._what}: {result.ErrorDescription.rstrip('.')}"
            raise ImageError(what, hint="check the network: packets were lost")
        value, wh = result.PixelType, (result.Width, result.Height)
        image = to_bgr(np.frombuffer(result.Buffer, np.uint8), value, wh, self._what)
        counter = None if result.BlockID == NO_COUNTER else result.BlockID
        return Shot(image, channels_of(value), counter, int(result.TimeStamp * self._ns_per_tick) or None)


def open_basler(settings: BaslerSettings, claim: Callable[[str], None]) -> PylonHandle:
    """Find the camera, claim it, set it up and prove it.

    Raises:
        SourceLost: no such camera, it is in use, it refuses a feature, or gives no picture that can be used.
    """
    factory = pylon.TlFactory.GetInstance()
    try:
        found = factory.EnumerateDevices()
        seen = [Seen(device.GetModelName(), device.GetSerialNumber()) for device in found]
        chosen = choose(seen, settings)
        claim(seen[chosen].identity)
        camera = pylon.InstantCamera(factory.CreateDevice(found[chosen]))
        camera.Open()
        handle = PylonHandle(camera, settings, f"camera {seen[chosen].identity}")
    except GenericException as error:
        raise SourceLost(f"{wanted(settings)}: {first_words(error)}", hint="another program may have it open") from None
    return handle.started(settings)
