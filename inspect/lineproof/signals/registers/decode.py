"""What a careful controller makes of 44 words; the Structured Text of the I/O page does the same, bit for bit."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from lineproof.core.station import Outcome
from lineproof.signals.registers.layout import CRC_AT, INPUT, INPUT_WORDS, LAYOUT_VERSION, Status, packing, reordered
from lineproof.signals.registers.words import WordOrder, ascii_text, checksum, joined, outcome_of

_BLOCK = packing(INPUT)
_WORDS = struct.Struct(f">{INPUT_WORDS}H")
_NAMES = tuple(register.name for register in INPUT)


@dataclass(frozen=True, slots=True)
class Reading:
    """A result that may be believed."""

    session: int
    seq: int
    outcome: Outcome
    reason_code: int
    part_id: str
    recipe: int


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block: layout, checksum and both sequence numbers agree."""

    status: Status
    heartbeat: int
    state: int
    session: int
    fault_code: int
    reading: Reading | None  # None: no result may be read


def read_block(words: Sequence[int], order: WordOrder = "big") -> Block | None:
    """The block, or None when it is not whole: another length, layout or checksum, or torn between two results."""
    if len(words) != INPUT_WORDS or not all(0 <= word <= 0xFFFF for word in words):
        return None
    if checksum(words[:CRC_AT]) != joined(words[CRC_AT], words[CRC_AT + 1], order):
        return None
    packed = _WORDS.pack(*reordered(tuple(words), INPUT, order))
    value = dict(zip(_NAMES, _BLOCK.unpack(packed), strict=True))
    if value["LAYOUT_VERSION"] != LAYOUT_VERSION or value["RESULT_SEQ"] != value["RESULT_SEQ_COPY"]:
        return None
    return Block(
        status=Status(value["STATUS"]),
        heartbeat=value["VISION_HEARTBEAT"],
        state=value["STATE"],
        session=value["SESSION_ID"],
        fault_code=value["FAULT_CODE"],
        reading=_reading(value),
    )


def decode(words: Sequence[int], order: WordOrder = "big") -> Reading | None:
    """The result in the block, or None: no result, or none that may be believed."""
    block = read_block(words, order)
    return None if block is None else block.reading


def is_pass(words: Sequence[int], *, seq: int, session: int, order: WordOrder = "big") -> bool:
    """Whether the block lets this very part through, as far as one block can tell.

    `seq` and `session` are those at the trigger. What takes time is the caller's: the answer must come before its timer
    ends, and VISION_HEARTBEAT must have changed within the watchdog time.
    """
    reading = decode(words, order)
    return reading is not None and (reading.session, reading.seq, reading.outcome) == (session, seq, Outcome.PASS)


def _reading(value: dict[str, int | bytes]) -> Reading | None:
    match value:
        case {
            "STATUS": int(status),
            "RESULT": int(code),
            "RESULT_INV": int(complement),
            "RESULT_SEQ": int(seq),
            "SESSION_ID": int(session),
            "REASON_CODE": int(reason_code),
            "PART_ID": bytes(part_id),
            "RECIPE_ACTIVE": int(recipe),
        } if status & Status.RESULT_VALID and seq:
            outcome = outcome_of(code, complement)
            if outcome is not None:
                return Reading(session, seq, outcome, reason_code, ascii_text(part_id), recipe)
    return None
