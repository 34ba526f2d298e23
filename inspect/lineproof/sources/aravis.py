"""A GigE Vision or USB3 Vision camera of any maker, through Aravis: a library of Linux distributions, no maker's SDK."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import gi
import numpy as np

gi.require_version("Aravis", "0.8")
from gi.repository import Aravis, GLib  # noqa: E402 (the version comes first)

from lineproof.errors import ImageError, SourceLost  # noqa: E402
from lineproof.sources.handle import Shot  # noqa: E402
from lineproof.sources.industrial import (  # noqa: E402
    BUFFERS,
    TURN_S,
    IndustrialHandle,
    Seen,
    choose,
    first_words,
    wanted,
)
from lineproof.sources.pixels import channels_of, to_bgr  # noqa: E402
from lineproof.sources.settings import AravisSettings  # noqa: E402

TURN_US = int(TURN_S * 1e6)


class AravisHandle(IndustrialHandle):
    """An open camera."""

    failures = (GLib.Error,)

    def __init__(self, camera: Aravis.Camera, settings: AravisSettings, what: str) -> None:
        super().__init__(settings, what)
        self._camera = camera
        self._device = camera.get_device()
        self._stream: Aravis.Stream = None  # made when the camera runs
        self._device.set_register_cache_policy(Aravis.RegisterCachePolicy.DISABLE)

    def close(self) -> None:
        """Stop the camera and let go of it: Aravis hangs up when nothing refers to it any more."""
        with suppress(GLib.Error):
            self._camera.stop_acquisition()
        self._stream = self._device = self._camera = None

    def _value(self, name: str) -> str | None:
        feature = self._device.get_feature(name)
        return None if feature is None else str(feature.get_value_as_string())

    def _set(self, name: str, value: str) -> None:
        self._device.get_feature(name).set_value_from_string(value)

    def _run(self) -> None:
        if self._camera.is_gv_device():
            # Raw sockets would need root; without them packets come the same way whoever runs the line.
            self._camera.gv_set_stream_options(Aravis.GvStreamOption.PACKET_SOCKET_DISABLED)
        self._stream = self._camera.create_stream(None, None)
        payload = self._camera.get_payload()
        for _ in range(BUFFERS):
            self._stream.push_buffer(Aravis.Buffer.new_allocate(payload))
        self._camera.start_acquisition()

    def _expose(self) -> None:
        self._camera.software_trigger()

    def _fetch(self) -> Shot | None:
        buffer = self._stream.timeout_pop_buffer(TURN_US)
        if buffer is None:
            return None
        try:
            return self._shot(buffer)
        finally:
            self._stream.push_buffer(buffer)

    def _ping(self) -> None:
        # A register of the camera itself. Aravis' own signal, control-lost, comes 6 s after a cable was pulled.
        self._device.get_integer_feature_value("Width")

    def _shot(self, buffer: Aravis.Buffer) -> Shot:
        """A copy of the picture: the buffer goes back to the stream."""
        status = buffer.get_status()
        if status != Aravis.BufferStatus.SUCCESS:
            what = f"{self._what}: incomplete buffer ({status.value_nick})"
            raise ImageError(what, hint="check the network: packets were lost, or come too fast")
        value, wh = buffer.get_image_pixel_format(), (buffer.get_image_width(), buffer.get_image_height())
        image = to_bgr(np.frombuffer(buffer.get_data(), np.uint8), value, wh, self._what)
        return Shot(image, channels_of(value), buffer.get_frame_id(), buffer.get_timestamp() or None)


def open_aravis(settings: AravisSettings, claim: Callable[[str], None]) -> AravisHandle:
    """Find the camera, claim it, set it up and prove it.

    Raises:
        SourceLost: no such camera, it is in use, it refuses a feature, or gives no picture that can be used.
    """
    Aravis.update_device_list()
    numbers = range(Aravis.get_n_devices())
    seen = [Seen(Aravis.get_device_model(number), Aravis.get_device_serial_nbr(number)) for number in numbers]
    chosen = choose(seen, settings)
    claim(seen[chosen].identity)
    try:
        camera = Aravis.Camera.new(Aravis.get_device_id(chosen))
    except GLib.Error as error:
        raise SourceLost(f"{wanted(settings)}: {first_words(error)}", hint="another program may have it open") from None
    return AravisHandle(camera, settings, f"camera {seen[chosen].identity}").started(settings)
