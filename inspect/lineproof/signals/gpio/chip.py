"""Lines of a GPIO chip; the only module that knows gpiod (libgpiod 2)."""

from __future__ import annotations

import errno
import select
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import gpiod
from gpiod.line import Bias, Clock, Direction, Edge, Value

from lineproof.errors import SignalError
from lineproof.signals.gpio.lines import LineEdge
from lineproof.signals.gpio.settings import GpioSettings, Input, InputLine

CONSUMER = "lineproof"  # as `gpioinfo` shows it
# Room for the edges of an encoder at 10,000 a second while Python is held up for 100 ms; the kernel's default is 16 a line.
EVENT_BUFFER = 1024
Config = dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]  # as gpiod types it
ENCODER = (Input.ENCODER_A, Input.ENCODER_B)


class GpiodLines:
    """Implements Lines on a character device such as /dev/gpiochip0.

    What becomes of a line whose process was killed is up to the driver of the chip: many leave it as it was.
    Therefore a controller takes PASS only together with a rising STROBE and a HEARTBEAT that toggles.
    """

    def __init__(self, settings: GpioSettings) -> None:
        """Ask the kernel for the lines, outputs inactive.

        Raises:
            SignalError: no such chip, no right to it, or a line that is used by somebody else.
        """
        self.lost = 0
        self.debounced = False
        self._chip = settings.chip
        self._poll = select.poll()  # gpiod's own wait is a select(), which ends at the 1,024th open file
        self._seen: dict[int, int] = {}  # offset → number of its last edge
        self._outputs: gpiod.LineRequest | None = None
        self._inputs: gpiod.LineRequest | None = None
        self._all_off: dict[int | str, Value] = {line.offset: Value.INACTIVE for line in settings.outputs.values()}
        try:
            if settings.outputs:
                self._outputs = gpiod.request_lines(settings.chip, _output_config(settings), CONSUMER)
            if settings.inputs:
                self._inputs = self._request_inputs(settings)
                self._poll.register(self._inputs.fd, select.POLLIN)
        except (OSError, ValueError) as error:
            self.close()
            raise SignalError(f"gpio {settings.chip}: {_said(error)}", hint=_hint(error)) from None

    def put(self, levels: Mapping[int, bool]) -> None:
        """One ioctl for all of them."""
        if not levels:
            return
        if self._outputs is None:
            raise SignalError(f"gpio {self._chip}: the outputs are closed")
        try:
            self._outputs.set_values({at: Value.ACTIVE if on else Value.INACTIVE for at, on in levels.items()})
        except OSError as error:
            raise SignalError(f"gpio {self._chip}: {_said(error)}", hint=_hint(error)) from None

    def level(self, offset: int) -> bool:
        """One ioctl."""
        if self._inputs is None:
            raise SignalError(f"gpio {self._chip}: the inputs are closed")
        try:
            return self._inputs.get_value(offset) is Value.ACTIVE
        except OSError as error:
            raise SignalError(f"gpio {self._chip}: {_said(error)}", hint=_hint(error)) from None

    def wait(self, timeout_s: float) -> Sequence[LineEdge]:
        """A poll, and one read of all that the kernel has kept."""
        if self._inputs is None:
            raise SignalError(f"gpio {self._chip}: the inputs are closed")
        try:
            if not self._poll.poll(timeout_s * 1000):
                return ()
            events = self._inputs.read_edge_events(EVENT_BUFFER)
        except OSError as error:
            raise SignalError(f"gpio {self._chip}: {_said(error)}", hint=_hint(error)) from None
        for event in events:
            self.lost += event.line_seqno - self._seen.get(event.line_offset, 0) - 1
            self._seen[event.line_offset] = event.line_seqno
        rising = gpiod.EdgeEvent.Type.RISING_EDGE
        return [LineEdge(event.line_offset, event.event_type is rising, event.timestamp_ns) for event in events]

    def close(self) -> None:
        """Outputs first."""
        if self._outputs is not None:
            with suppress(OSError):  # the chip is gone, and its lines with it
                self._outputs.set_values(self._all_off)
            self._outputs.release()
        if self._inputs is not None:
            self._inputs.release()
        self._outputs = self._inputs = None

    def _request_inputs(self, settings: GpioSettings) -> gpiod.LineRequest:
        """Debounced by the kernel where it can; an old one, or a chip that cannot, says no."""
        debounce = timedelta(milliseconds=settings.debounce_ms)
        if debounce:
            with suppress(OSError):
                request = gpiod.request_lines(settings.chip, _input_config(settings, debounce), CONSUMER, EVENT_BUFFER)
                self.debounced = True
                return request
        return gpiod.request_lines(settings.chip, _input_config(settings, timedelta()), CONSUMER, EVENT_BUFFER)


def _output_config(settings: GpioSettings) -> Config:
    return {
        line.offset: gpiod.LineSettings(
            direction=Direction.OUTPUT, active_low=line.active_low, output_value=Value.INACTIVE
        )
        for line in settings.outputs.values()
    }


def _input_config(settings: GpioSettings, debounce: timedelta) -> Config:
    return {
        line.offset: _input_line(line, timedelta() if name in ENCODER else debounce)
        for name, line in settings.inputs.items()
    }


def _input_line(line: InputLine, debounce: timedelta) -> gpiod.LineSettings:
    return gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        bias=Bias[line.bias.upper()],
        active_low=line.active_low,
        debounce_period=debounce,
        event_clock=Clock.MONOTONIC,
    )


def _said(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _hint(error: OSError | ValueError) -> str:
    hints = {
        errno.ENOENT: "`gpiodetect` lists the chips of this computer",
        errno.EACCES: "the user of the service must be in the group of the device, often `gpio`",
        errno.EBUSY: "another program or driver has a line: `gpioinfo` names it",
        errno.EINVAL: "an offset is beyond the chip's lines, or the chip cannot do this `bias`",
        errno.ENODEV: "the chip was unplugged",
    }
    return hints.get(error.errno or 0, "") if isinstance(error, OSError) else hints[errno.EINVAL]
