"""The handshake of one part as data: the timing diagram and the table of steps are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lineproof.signals.io_map import Times

Who = Literal["PLC", "vision"]
PLC_LANES = ("TriggerEnable", "TRIGGER_SEQ", "Trigger", "ResultAck")
VISION_LANES = (
    "TriggerReady",
    "TriggerAck",
    "Acquiring",
    "AcquisitionDone",
    "Inspecting",
    "RESULT, RESULT_INV, RESULT_SEQ",
    "ResultValid",
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one side does next, and what changes on the wire: bits as 0 and 1, words as text."""

    who: Who
    text: str
    changes: dict[str, int | str]


def steps(times: Times, deadline_ms: float) -> tuple[Step, ...]:
    """One part from TriggerEnable to the next TriggerReady."""
    return (
        Step("PLC", "wants parts to be inspected", {"TriggerEnable": 1}),
        Step("vision", "camera fresh, model verified, PLC heartbeat alive", {"TriggerReady": 1}),
        Step("PLC", "a part is in position; one write, and its own timer starts", {"TRIGGER_SEQ": "n", "Trigger": 1}),
        Step(
            "vision",
            f"takes the trigger within {times.trigger_ack_ms:g} ms; no acknowledgement is an alarm",
            {"TriggerReady": 0, "TriggerAck": 1, "Acquiring": 1},
        ),
        Step("vision", "the part may move", {"Acquiring": 0, "AcquisitionDone": 1, "Inspecting": 1}),
        Step(
            "vision",
            f"answers within {deadline_ms:g} ms of the trigger; the whole block changes at once",
            {"Inspecting": 0, "RESULT, RESULT_INV, RESULT_SEQ": "answer to n", "ResultValid": 1},
        ),
        Step("PLC", "has believed the answer before its timer ended", {"Trigger": 0, "ResultAck": 1}),
        Step(
            "vision",
            "clears the result and is ready again",
            {
                "RESULT, RESULT_INV, RESULT_SEQ": "0",
                "ResultValid": 0,
                "TriggerAck": 0,
                "AcquisitionDone": 0,
                "TriggerReady": 1,
            },
        ),
        Step("PLC", "may trigger the next part", {"ResultAck": 0}),
    )


def changes_in_words(step: Step) -> str:
    """Its changes, e.g. `TRIGGER_SEQ = n`, `Trigger = 1`."""
    return ", ".join(f"`{name} = {value}`" for name, value in step.changes.items())
