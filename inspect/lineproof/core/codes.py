"""Numbers on every wire: of an outcome, of what keeps a station from inspecting, of why an answer is no PASS."""

from __future__ import annotations

from enum import IntEnum

from lineproof.core.station import Outcome

# Chosen for their distance. With the complement beside them PASS is 16 bits or more away from the other four, from all
# zeros and from all ones, and no code reads as another with its bytes swapped; a test counts it out.
OUTCOME_CODES: dict[Outcome, int] = {
    Outcome.PASS: 0xA5C3,
    Outcome.FAIL: 0x5A96,
    Outcome.REVIEW: 0x6C69,
    Outcome.ERROR: 0x3935,
    Outcome.MISSED: 0x93AC,
}


class FaultCode(IntEnum):
    """FAULT_CODE on the wire (uint16); the lowest one that is active is shown."""

    CAMERA_LOST = 101
    CAMERA_FROZEN = 102
    CAMERA_CONTRACT = 103
    CAMERA_BUSY = 104
    IMAGE_QUALITY = 105
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

    @property
    def text(self) -> str:
        """What it means, for a technician."""
        return _FAULT_TEXT[self]


class Cause(IntEnum):
    """REASON_CODE of an answer that is no PASS (uint16)."""

    REJECTED = 1
    DEADLINE = 2
    NOT_READY = 3
    BUSY = 4
    STALE_FRAME = 5
    BROKEN_FRAME = 6
    MIXED = 7
    NO_CONTROLLER = 8
    HALTED = 9
    FAULT = 10
    SIMULATION = 11
    ENGINE = 12
    WRONG_PART = 13
    CHALLENGE = 14

    @property
    def text(self) -> str:
        """What it means, for whoever programs the controller."""
        return _CAUSE_TEXT[self]


_FAULT_TEXT = {
    FaultCode.CAMERA_LOST: "a camera gives no pictures; it is opened again by itself",
    FaultCode.CAMERA_FROZEN: "a camera repeats the same picture",
    FaultCode.CAMERA_CONTRACT: "pictures of another size, format or order than commissioned",
    FaultCode.CAMERA_BUSY: "another process has the camera",
    FaultCode.IMAGE_QUALITY: "several pictures in a row were dark, saturated, blurred, moved, frozen or damaged",
    FaultCode.ENGINE_LOST: "the inference process hangs or has died; it is started again by itself",
    FaultCode.ENGINE_GIVEN_UP: "the inference process failed more often than allowed, or never stood",
    FaultCode.PROVIDER_MISSING: "the hardware that the line file asks for is not there",
    FaultCode.BUNDLE_REFUSED: "the bundle does not verify",
    FaultCode.RECIPE_UNKNOWN: "the recipe that was asked for does not exist",
    FaultCode.NOT_PROVEN: "the bundle was not proven under the rules of the line file",
    FaultCode.CONTROLLER_LOST: "the wire that commands the station is down",
    FaultCode.STORAGE_REQUIRED: "records cannot be written, and the line file asks for them",
    FaultCode.GOLDEN_FAILED: "a known part was not judged as it must be; only known parts are inspected until all of them are judged right",
    FaultCode.INTERNAL: "a fault nobody foresaw; see the log",
}
_CAUSE_TEXT = {
    Cause.REJECTED: "FAIL or REVIEW by the rules",
    Cause.DEADLINE: "no verdict in time",
    Cause.NOT_READY: "the trigger came while TriggerReady was 0",
    Cause.BUSY: "the trigger came while another part was under way",
    Cause.STALE_FRAME: "the picture was exposed before its trigger",
    Cause.BROKEN_FRAME: "the picture is damaged, or too poor to judge by",
    Cause.MIXED: "the bundle, the line file or the recipe changed under the part",
    Cause.NO_CONTROLLER: "the controller's heartbeat stopped",
    Cause.HALTED: "the station was stopped",
    Cause.FAULT: "see FAULT_CODE",
    Cause.SIMULATION: "the station is set to simulation, where no part can pass",
    Cause.ENGINE: "the inspection itself failed",
    Cause.WRONG_PART: "the code on the part is not that of the trigger",
    Cause.CHALLENGE: "a known part was not judged as it must be, or the part is none of them and only they count now",
}
