"""A station as 44 input registers, and 32 holding registers as what a controller asks for."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import PartResult, State, StationView
from lineproof.signals.registers.layout import (
    CRC_AT,
    HOLDING,
    HOLDING_WORDS,
    INPUT,
    INPUT_WORDS,
    LAYOUT_VERSION,
    Cmd,
    Status,
    packing,
    reordered,
)
from lineproof.signals.registers.words import (
    WordOrder,
    Words,
    ascii_bytes,
    ascii_text,
    checksum,
    first_32_bits,
    inverse,
    pair,
)

REST: Words = (0,) * INPUT_WORDS  # what is read before the first view and after the last: no layout, no result

_BODY = packing(INPUT[:-1])  # all but the checksum
_HOLDING = packing(HOLDING)
_COVERED = struct.Struct(f">{CRC_AT}H")
_ASKED = struct.Struct(f">{HOLDING_WORDS}H")
_UINT16 = 0xFFFF
_UINT32 = 0xFFFFFFFF


def input_words(view: StationView, order: WordOrder = "big") -> Words:
    """The view as 44 uint16 with their checksum; figures beyond a register's range read as its end.

    A result of another session, or with a sequence number that no trigger can have, is not shown at all.
    """
    result = view.result if view.result is not None and _belongs(view.result, view) else None
    seq = result.seq if result is not None else 0
    part = (
        _result_fields(result)
        if result is not None
        else (0, 0, 0, 0, 0, _UINT16, 0, 0, 0, 0, first_32_bits(view.model_id), first_32_bits(view.ruleset_id))
    )
    count = view.counters
    body = _BODY.pack(
        LAYOUT_VERSION,
        status_of(view, valid=result is not None),
        view.heartbeat & _UINT16,  # counters and heartbeat wrap, figures do not
        view.state,
        *part,
        _limited(view.recipe if result is None else result.recipe, _UINT16),
        _limited(view.fault_code, _UINT16),
        ascii_bytes(view.part_id if result is None else result.part_id, 16),
        *(number & _UINT32 for number in (count.passed, count.failed, count.errors, count.missed)),
        view.session & _UINT32,
        seq,
    )
    words = reordered(_COVERED.unpack(body), INPUT[:-1], order)
    return (*words, *pair(checksum(words), order))


def status_of(view: StationView, *, valid: bool) -> int:
    """The STATUS word; `valid` says whether the block carries a result."""
    flags = (
        (Status.ONLINE, view.online),
        (Status.TRIGGER_READY, view.ready),
        (Status.TRIGGER_ACK, view.triggered),
        (Status.ACQUIRING, view.acquiring),
        (Status.ACQUISITION_DONE, view.acquired),
        (Status.INSPECTING, view.inspecting),
        (Status.RESULT_VALID, valid),
        (Status.MISSED_TRIGGER, view.missed_trigger),
        (Status.RESULT_OVERRUN, view.result_overrun),
        (Status.WARNING, view.warning),
        (Status.FAULT, view.fault_code != 0 or view.state is State.ERROR),
        (Status.CHALLENGE_DUE, view.challenge_due),
        (Status.SIMULATION, view.simulation),
        (Status.DEGRADED_EP, view.degraded),
        (Status.STORAGE_DEGRADED, view.storage_degraded),
        (Status.DRIFT_ALARM, view.drift),
    )
    return sum(flag for flag, on in flags if on)


@dataclass(frozen=True, slots=True)
class ControllerImage:
    """The holding registers as a controller means them; at rest it asks for nothing."""

    enable: bool = False  # TriggerEnable
    trigger: bool = False
    ack: bool = False  # ResultAck
    reset: bool = False  # ResetFault
    offline: bool = False  # SetOffline
    challenge: bool = False  # ChallengeMode
    heartbeat: int = 0  # uint16
    trigger_seq: int = 0  # uint32
    part_id: str = ""
    recipe: int = 0  # uint16, 0: whatever is active
    deadline_ms: int = 0  # uint16, 0: that of the line file
    encoder: int = 0  # uint32


def controller_image(words: Sequence[int], order: WordOrder = "big") -> ControllerImage:
    """What 32 holding registers ask for; raises ValueError for another number of words."""
    if len(words) != HOLDING_WORDS:
        raise ValueError(f"expected {HOLDING_WORDS} holding registers, got {len(words)}")
    cmd, heartbeat, seq, part_id, recipe, deadline_ms, encoder, _ = _HOLDING.unpack(
        _ASKED.pack(*reordered(tuple(words), HOLDING, order))
    )
    return ControllerImage(
        enable=bool(cmd & Cmd.TRIGGER_ENABLE),
        trigger=bool(cmd & Cmd.TRIGGER),
        ack=bool(cmd & Cmd.RESULT_ACK),
        reset=bool(cmd & Cmd.RESET_FAULT),
        offline=bool(cmd & Cmd.SET_OFFLINE),
        challenge=bool(cmd & Cmd.CHALLENGE_MODE),
        heartbeat=heartbeat,
        trigger_seq=seq,
        part_id=ascii_text(part_id),
        recipe=recipe,
        deadline_ms=deadline_ms,
        encoder=encoder,
    )


def holding_words(image: ControllerImage, order: WordOrder = "big") -> Words:
    """What a controller writes: the inverse of `controller_image`, for whoever plays the controller."""
    flags = (
        (Cmd.TRIGGER_ENABLE, image.enable),
        (Cmd.TRIGGER, image.trigger),
        (Cmd.RESULT_ACK, image.ack),
        (Cmd.RESET_FAULT, image.reset),
        (Cmd.SET_OFFLINE, image.offline),
        (Cmd.CHALLENGE_MODE, image.challenge),
    )
    packed = _HOLDING.pack(
        sum(flag for flag, on in flags if on),
        image.heartbeat,
        image.trigger_seq,
        ascii_bytes(image.part_id, 16),
        image.recipe,
        image.deadline_ms,
        image.encoder,
        b"",
    )
    return reordered(_ASKED.unpack(packed), HOLDING, order)


def _belongs(result: PartResult, view: StationView) -> bool:
    """Whether a controller could have asked for it in this session."""
    return result.session == view.session and 0 < result.seq <= _UINT32


def _result_fields(result: PartResult) -> tuple[int, ...]:
    """RESULT_SEQ to RULESET_ID."""
    code = OUTCOME_CODES[result.outcome]
    return (
        result.seq,
        code,
        inverse(code),
        _limited(result.reason_code, _UINT16),
        _limited(result.defects, _UINT16),
        _limited(result.top_class, _UINT16),
        _limited(result.top_score * 1e4, 10_000, unknown=0),
        _limited(result.worst_size_um, _UINT32),
        _limited(result.latency_ms * 10, _UINT16),
        _limited(result.frame_age_ms * 10, _UINT16),
        first_32_bits(result.model_id),
        first_32_bits(result.ruleset_id),
    )


def _limited(value: float, most: int, unknown: int | None = None) -> int:
    """Rounded and held inside 0..most; what is no number reads as `unknown`, by default the most."""
    if math.isnan(value):
        return most if unknown is None else unknown
    return round(min(max(value, 0), most))
