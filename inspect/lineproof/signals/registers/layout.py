"""Where each value of map 1.0 lies: the one table that the encoder, the decoder and the printed page share."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

from lineproof.signals.registers.words import WordOrder, Words

Kind = Literal["uint16", "uint32", "bits", "ascii", "unused"]

LAYOUT_VERSION = 0x0100  # major, minor: a controller refuses another major


class Status(IntFlag):
    """Bits of STATUS."""

    ONLINE = 1 << 0
    TRIGGER_READY = 1 << 1
    TRIGGER_ACK = 1 << 2
    ACQUIRING = 1 << 3
    ACQUISITION_DONE = 1 << 4
    INSPECTING = 1 << 5
    RESULT_VALID = 1 << 6
    MISSED_TRIGGER = 1 << 7
    RESULT_OVERRUN = 1 << 8
    WARNING = 1 << 9
    FAULT = 1 << 10
    CHALLENGE_DUE = 1 << 11
    SIMULATION = 1 << 12
    DEGRADED_EP = 1 << 13
    STORAGE_DEGRADED = 1 << 14
    DRIFT_ALARM = 1 << 15


class Cmd(IntFlag):
    """Bits of CMD."""

    TRIGGER_ENABLE = 1 << 0
    TRIGGER = 1 << 1
    RESULT_ACK = 1 << 2
    RESET_FAULT = 1 << 3
    SET_OFFLINE = 1 << 4
    CHALLENGE_MODE = 1 << 5


STATUS_TEXT: dict[Status, str] = {
    Status.ONLINE: "verified and not stopped",
    Status.TRIGGER_READY: "the next trigger will be answered by an inspection",
    Status.TRIGGER_ACK: "the trigger was taken; falls with the acknowledged result",
    Status.ACQUIRING: "the camera is exposing or reading out: the part must not move",
    Status.ACQUISITION_DONE: "the part may move",
    Status.INSPECTING: "the picture is being inspected",
    Status.RESULT_VALID: "RESULT may be read",
    Status.MISSED_TRIGGER: "latched until ResetFault: a trigger came while no inspection could be started",
    Status.RESULT_OVERRUN: "latched until ResetFault: a result was not acknowledged before the next trigger",
    Status.WARNING: "something wants attention; results are still good",
    Status.FAULT: "no part can be inspected, or FAULT_CODE is not 0",
    Status.CHALLENGE_DUE: "the check with known parts is due",
    Status.SIMULATION: "the pictures do not come from the line's camera",
    Status.DEGRADED_EP: "runs on another processor than asked for",
    Status.STORAGE_DEGRADED: "records cannot be written at the moment",
    Status.DRIFT_ALARM: "parts or pictures have changed since the proof",
}

CMD_TEXT: dict[Cmd, str] = {
    Cmd.TRIGGER_ENABLE: "parts are to be inspected",
    Cmd.TRIGGER: "rising edge: a part is in position; TRIGGER_SEQ, PART_ID and the rest lie there already",
    Cmd.RESULT_ACK: "rising edge: the result was read; held until ResultValid falls",
    Cmd.RESET_FAULT: "rising edge: clear latches, try to leave ERROR",
    Cmd.SET_OFFLINE: "1 stops the station, 0 lets it go on",
    Cmd.CHALLENGE_MODE: "the parts to come are known ones, by their PART_ID; any other gets ERROR",
}


@dataclass(frozen=True, slots=True)
class Register:
    """One value: its first address inside the block, how many words it takes, and what it means."""

    name: str
    address: int
    words: int
    kind: Kind
    text: str


INPUT: tuple[Register, ...] = (
    Register("LAYOUT_VERSION", 0, 1, "uint16", "0x0100; 0 means that nothing is there"),
    Register("STATUS", 1, 1, "bits", "see the table of bits"),
    Register("VISION_HEARTBEAT", 2, 1, "uint16", "counted up by the loop that decides, and by nothing else"),
    Register(
        "STATE", 3, 1, "uint16", "1 preoperational, 2 halted, 3 error, 5 initialized, 6 ready, 7 single, 8 continuous"
    ),
    Register("RESULT_SEQ", 4, 2, "uint32", "TRIGGER_SEQ that the result answers; 0 without a result"),
    Register("RESULT", 6, 1, "uint16", "see the table of codes; 0 without a result"),
    Register("RESULT_INV", 7, 1, "uint16", "RESULT with every bit inverted"),
    Register("REASON_CODE", 8, 1, "uint16", "why it is not PASS; 0 with PASS"),
    Register("DEFECT_COUNT", 9, 1, "uint16", "defects that count; 65535: so many or more"),
    Register("TOP_CLASS", 10, 1, "uint16", "class of the surest defect; 65535: none"),
    Register("TOP_SCORE", 11, 1, "uint16", "its score × 10,000"),
    Register("WORST_SIZE_UM", 12, 2, "uint32", "size of the largest defect in µm; 0: none, or the scale is not known"),
    Register("LATENCY", 14, 1, "uint16", "trigger to result in 0.1 ms; 65535: so long or longer"),
    Register("FRAME_AGE", 15, 1, "uint16", "exposure to result in 0.1 ms; 65535: so long or longer"),
    Register("MODEL_ID", 16, 2, "uint32", "first 32 bits of the sha256 of the model's bundle"),
    Register("RULESET_ID", 18, 2, "uint32", "first 32 bits of the sha256 of the line file"),
    Register("RECIPE_ACTIVE", 20, 1, "uint16", "the recipe of the result, else the active one"),
    Register("FAULT_CODE", 21, 1, "uint16", "0: none"),
    Register("PART_ID", 22, 8, "ascii", "echo; two characters a word, the first in the high byte, filled with 0"),
    Register("COUNT_PASS", 30, 2, "uint32", "answers of this session"),
    Register("COUNT_FAIL", 32, 2, "uint32", "answers of this session, REVIEW among them"),
    Register("COUNT_ERROR", 34, 2, "uint32", "answers of this session"),
    Register("COUNT_MISSED", 36, 2, "uint32", "answers of this session"),
    Register("SESSION_ID", 38, 2, "uint32", "another one after each start of the vision system"),
    Register("RESULT_SEQ_COPY", 40, 2, "uint32", "must equal RESULT_SEQ"),
    Register("CRC32", 42, 2, "uint32", "of words 0 to 41, see below"),
)
INPUT_WORDS = 44
CRC_AT = 42  # words before it are what it covers

HOLDING: tuple[Register, ...] = (
    Register("CMD", 0, 1, "bits", "see the table of bits"),
    Register("PLC_HEARTBEAT", 1, 1, "uint16", "another value than before in every heartbeat period"),
    Register("TRIGGER_SEQ", 2, 2, "uint32", "one more for each part, never 0"),
    Register("PART_ID", 4, 8, "ascii", "two characters a word, the first in the high byte, filled with 0"),
    Register("RECIPE_REQ", 12, 1, "uint16", "a change asks for another recipe; 0: whatever is active"),
    Register("DEADLINE_MS", 13, 1, "uint16", "0: that of the line file"),
    Register("ENCODER", 14, 2, "uint32", "position of the belt at the trigger; 0 where there is none"),
    Register("RESERVED", 16, 16, "unused", "write 0"),
)
HOLDING_WORDS = 32

ADDRESS: dict[str, int] = {register.name: register.address for register in INPUT}


def packing(registers: tuple[Register, ...]) -> struct.Struct:
    """The same block as one big-endian structure, a field for each register."""
    codes = {"uint16": "H", "bits": "H", "uint32": "I"}
    fields = (codes.get(register.kind, f"{2 * register.words}s") for register in registers)
    return struct.Struct(">" + "".join(fields))


def reordered(words: Words, registers: tuple[Register, ...], order: WordOrder) -> Words:
    """The block with its 32-bit values in the order of the wire, or back again: it is its own inverse."""
    if order == "big":
        return words
    turned = list(words)
    for register in registers:
        if register.kind == "uint32":
            at = register.address
            turned[at], turned[at + 1] = turned[at + 1], turned[at]
    return tuple(turned)
