"""`configs/io/*.yaml`: where a controller finds which station, and the times both sides keep."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lineproof.settings import StrictModel
from lineproof.signals.registers.layout import HOLDING_WORDS, INPUT_WORDS
from lineproof.signals.registers.words import WordOrder

StationName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class StationPlace(StrictModel):
    """Where the two blocks of one station lie."""

    unit: int = Field(default=1, ge=1, le=247, description="Modbus unit identifier")
    input_offset: int = Field(
        default=0, ge=0, le=65536 - INPUT_WORDS, description="address of its first input register, counted from 0"
    )
    holding_offset: int = Field(
        default=0, ge=0, le=65536 - HOLDING_WORDS, description="address of its first holding register, counted from 0"
    )
    note: str = Field(default="", description="what stands there, for the printed page")


class Times(StrictModel):
    """What the handshake promises and what the controller watches."""

    trigger_ack_ms: float = Field(default=20, gt=0, description="from Trigger to TriggerAck, at most")
    heartbeat_ms: float = Field(default=100, gt=0, description="period of both heartbeats")
    watchdog_ms: float = Field(default=300, gt=0, description="a heartbeat that stands still for so long means reject")
    poll_ms: float = Field(default=10, gt=0, description="how often the controller reads and writes the blocks")

    @model_validator(mode="after")
    def _watchdog_outlasts_heartbeat(self) -> Self:
        if self.watchdog_ms < 2 * self.heartbeat_ms:
            raise ValueError(f"watchdog_ms {self.watchdog_ms:g} is below two heartbeats of {self.heartbeat_ms:g} ms")
        if self.poll_ms > self.heartbeat_ms:
            raise ValueError(f"poll_ms {self.poll_ms:g} is slower than the heartbeat of {self.heartbeat_ms:g} ms")
        return self


class IoMap(StrictModel):
    """A Modbus TCP server and the stations on it; the defaults are register map 1.0."""

    layout: Literal["1.0"] = Field(default="1.0", description="of the blocks")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="address to listen on: that of the network card towards the PLC"
    )
    port: int = Field(default=502, ge=1, le=65535, description="TCP port; below 1024 only with the right to it")
    word_order: WordOrder = Field(default="big", description="of 32-bit values: `big` sends the high word first")
    stations: dict[StationName, StationPlace] = Field(
        default={"main": StationPlace()}, min_length=1, description="by name"
    )
    times: Times = Times()

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        for (name, one), (other, two) in combinations(self.stations.items(), 2):
            if one.unit != two.unit:
                continue
            for what, apart, words in (
                ("input", abs(one.input_offset - two.input_offset), INPUT_WORDS),
                ("holding", abs(one.holding_offset - two.holding_offset), HOLDING_WORDS),
            ):
                if apart < words:
                    raise ValueError(
                        f"stations {name} and {other} overlap: on one unit their {what}_offset must be {words} apart"
                    )
        return self
