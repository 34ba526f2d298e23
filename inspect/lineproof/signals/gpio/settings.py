"""The `gpio` section of a line file: which line of which chip does what."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from lineproof.settings import StrictModel


class Output(StrEnum):
    """What a line can tell; each is energised while it is true, and rests de-energised."""

    READY = "ready"  # the next trigger will be answered
    BUSY = "busy"  # a part is under way
    STROBE = "strobe"  # the result lines are stable and may be read
    PASS = "pass"  # energise-to-pass: nothing else energises it
    FAIL = "fail"
    REVIEW = "review"
    HEALTHY = "healthy"  # FAULT as a normally closed contact: de-energised means fault, and so does a cut wire
    HEARTBEAT = "heartbeat"  # toggles with the decision loop


class Input(StrEnum):
    """What a line can ask."""

    TRIGGER = "trigger"  # becoming active: a part is in front of the camera
    ACK = "ack"  # becoming active: the result was read
    RESET = "reset"  # becoming active: clear latches and faults; may be the same line as `ack`
    ENABLE = "enable"  # active: parts are to be inspected
    ENCODER_A = "encoder_a"  # quadrature, with encoder_b
    ENCODER_B = "encoder_b"


class OutputLine(StrictModel):
    """A line that is driven."""

    offset: int = Field(ge=0, le=65535, description="of the line on the chip, as `gpioinfo` lists it")
    active_low: bool = Field(
        default=False,
        description="energised is electrically low: only where nobody driving the line leaves the relay released",
    )


class InputLine(StrictModel):
    """A line that is read."""

    offset: int = Field(ge=0, le=65535, description="of the line on the chip, as `gpioinfo` lists it")
    active_low: bool = Field(default=False, description="active is electrically low")
    bias: Literal["as_is", "pull_up", "pull_down", "disabled"] = Field(
        default="as_is", description="resistor inside the chip: an open wire must not read as active"
    )


class GpioSettings(StrictModel):
    """A chip with its lines; functions that are not named are not used."""

    chip: str = Field(
        default="/dev/gpiochip0", pattern=r"^/dev/[A-Za-z0-9._/-]{1,100}$", description="character device"
    )
    outputs: dict[Output, OutputLine] = Field(default_factory=dict, description="function → line")
    inputs: dict[Input, InputLine] = Field(default_factory=dict, description="function → line")
    debounce_ms: float = Field(
        default=2, ge=0, le=1000, description="an input counts once it was stable for so long; not those of an encoder"
    )
    min_spacing_ms: float = Field(
        default=20, ge=0, le=60_000, description="between two triggers; what comes earlier is bounce, and counted"
    )
    max_age_ms: float = Field(
        default=100, gt=0, le=60_000, description="a trigger that waited longer is void: its part has moved on"
    )
    setup_ms: float = Field(
        default=1, ge=0.1, le=1000, description="result lines are stable so long before the strobe rises"
    )
    # 20 ms: two scans of a controller with a cycle of 10 ms, so that none can miss it.
    strobe_ms: float = Field(default=20, ge=20, le=10_000, description="width of the strobe")
    silent_ms: float = Field(
        default=300, ge=50, le=10_000, description="nothing shown for so long: every output is de-energised"
    )

    @model_validator(mode="after")
    def _one_function_a_line(self) -> Self:
        if not self.outputs and not self.inputs:
            raise ValueError("no line is used: name at least one under outputs or inputs")
        places = [line.offset for line in self.outputs.values()] + [line.offset for line in self.inputs.values()]
        ack, reset = self.inputs.get(Input.ACK), self.inputs.get(Input.RESET)
        if ack is not None and reset is not None and ack.offset == reset.offset:
            if ack != reset:
                raise ValueError("ack and reset share a line, so they must agree on active_low and bias")
            places.remove(ack.offset)
        twice = sorted(offset for offset, times in Counter(places).items() if times > 1)
        if twice:
            raise ValueError(f"line {twice[0]} has two functions; only ack and reset may share one")
        if (Input.ENCODER_A in self.inputs) != (Input.ENCODER_B in self.inputs):
            raise ValueError("a quadrature encoder needs both encoder_a and encoder_b")
        return self
