"""What can keep a station from inspecting: the codes of the I/O page."""

from __future__ import annotations

from enum import IntEnum


class FaultCode(IntEnum):
    """FAULT_CODE on the wire (uint16); the lowest one that is active is shown."""

    CAMERA_LOST = 101
    CAMERA_FROZEN = 102
    CAMERA_CONTRACT = 103  # other size, channels or counter than commissioned
    CAMERA_BUSY = 104
    IMAGE_QUALITY = 105  # dark, saturated, defocused, moved: more parts in a row than allowed
    ENGINE_LOST = 201
    ENGINE_GIVEN_UP = 202
    PROVIDER_MISSING = 203
    BUNDLE_REFUSED = 301
    RECIPE_UNKNOWN = 302
    NOT_PROVEN = 303
    CONTROLLER_LOST = 401
    STORAGE_REQUIRED = 501
    GOLDEN_FAILED = 601
    INTERNAL = 901

    @property
    def needs_reset(self) -> bool:
        """Only a person or the controller may clear it; the others end when their cause does."""
        return self in (FaultCode.ENGINE_GIVEN_UP, FaultCode.GOLDEN_FAILED, FaultCode.INTERNAL)


class Cause(IntEnum):
    """REASON_CODE of an answer that is no PASS (uint16)."""

    REJECTED = 1  # FAIL or REVIEW by the rules
    DEADLINE = 2
    NOT_READY = 3
    BUSY = 4
    STALE_FRAME = 5  # exposed before its trigger
    BROKEN_FRAME = 6
    MIXED = 7  # another bundle, line file or recipe than when the part was triggered
    NO_CONTROLLER = 8
    HALTED = 9
    FAULT = 10  # see FAULT_CODE
    SIMULATION = 11
    ENGINE = 12  # the inspection itself gave FAULT
