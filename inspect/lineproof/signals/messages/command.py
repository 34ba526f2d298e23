"""What a controller may send over MQTT; the schemas beside this file are its contract."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from pydantic import Field, ValidationError

from lineproof.core.station import Triggered
from lineproof.errors import InputError
from lineproof.settings import StrictModel
from lineproof.signals.messages.values import utc_text

MAX_BYTES = 4096  # a command has a few numbers and a part id
UINT16 = 0xFFFF
UINT32 = 0xFFFF_FFFF

Payload = TypeVar("Payload", bound=StrictModel)


class Trigger(StrictModel):
    """`…/trigger`: a part is in front of the camera."""

    seq: int = Field(ge=1, le=UINT32, description="one more than that of the last part")
    part_id: str = Field(default="", max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="echoed in the result")
    recipe: int = Field(default=0, ge=0, le=UINT16, description="0: whatever is active")
    deadline_ms: int = Field(default=0, ge=0, le=UINT16, description="0: that of the line file")
    encoder: int = Field(default=0, ge=0, le=UINT32, description="position of the conveyor")

    @property
    def command(self) -> Triggered:
        """The same in the words of a station."""
        return Triggered(self.seq, self.part_id, self.recipe, self.deadline_ms, self.encoder)


class Ack(StrictModel):
    """`…/ack`: the result of this trigger was read; the session keeps one of before a restart from counting."""

    session: int = Field(ge=0, le=UINT32, description="of the result")
    seq: int = Field(ge=1, le=UINT32, description="of the result")


class Heartbeat(StrictModel):
    """`…/controller`: the controller lives, as long as the number changes."""

    heartbeat: int = Field(ge=0, le=UINT16, description="counted up by the controller's own cycle")


def parse(payload: bytes, model: type[Payload]) -> Payload:
    """One message of the wire, checked; raises InputError in one line that quotes nothing of a wrong value."""
    if len(payload) > MAX_BYTES:
        raise InputError(f"{len(payload)} bytes, and no command has more than {MAX_BYTES}")
    try:
        return model.model_validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # The name of an unknown key is the sender's own text, of any length and content.
        place = "unknown key" if first["type"] == "extra_forbidden" else ".".join(map(str, first["loc"])) or "message"
        raise InputError(f"{place}: {first['msg']}") from None


def error_message(topic: str, error: str, at: datetime) -> dict[str, object]:
    """The answer to a command that was refused; `topic` is the last part of where it came."""
    return {"schema": "lineproof/error/1", "topic": topic, "error": error, "at": utc_text(at)}
