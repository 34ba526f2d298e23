"""The register table of a map, for reading and for a spreadsheet."""

from __future__ import annotations

import csv
import io

from lineproof.core.codes import OUTCOME_CODES, Cause, FaultCode
from lineproof.core.station import Outcome
from lineproof.signals.doc.markup import Table, to_markdown
from lineproof.signals.io_map import IoMap
from lineproof.signals.registers.layout import (
    CMD_TEXT,
    HOLDING,
    HOLDING_WORDS,
    INPUT,
    INPUT_WORDS,
    STATUS_TEXT,
    Cmd,
    Register,
    Status,
)
from lineproof.signals.registers.words import inverse

TYPES = {"uint16": "uint16", "uint32": "uint32", "bits": "16 bits", "ascii": "ASCII", "unused": "–"}
OUTCOME_TEXT = {
    Outcome.PASS: "let the part through",
    Outcome.FAIL: "reject: a defect beyond its tolerance",
    Outcome.REVIEW: "reject: a person must decide",
    Outcome.ERROR: "reject: no valid inspection happened",
    Outcome.MISSED: "reject: the trigger came while no inspection could be started",
}
COLUMNS = ("station", "unit", "direction", "function", "address", "reference", "words", "type", "name", "meaning")


def stations_table(io_map: IoMap) -> Table:
    """Where each station lies; addresses count from 0."""
    rows = [
        (
            name,
            str(place.unit),
            f"{place.input_offset} to {place.input_offset + INPUT_WORDS - 1}",
            f"{place.holding_offset} to {place.holding_offset + HOLDING_WORDS - 1}",
            place.note or "–",
        )
        for name, place in io_map.stations.items()
    ]
    return Table(("station", "unit", "input registers", "holding registers", "note"), rows)


def input_table() -> Table:
    """What the vision system writes."""
    return _registers("IR", INPUT)


def holding_table() -> Table:
    """What the controller writes."""
    return _registers("HR", HOLDING)


def status_table() -> Table:
    """Bits of STATUS."""
    return Table(("bit", "name", "1 means"), [_bit(flag, text) for flag, text in STATUS_TEXT.items()])


def cmd_table() -> Table:
    """Bits of CMD."""
    return Table(("bit", "name", "1 means"), [_bit(flag, text) for flag, text in CMD_TEXT.items()])


def codes_table() -> Table:
    """RESULT with its complement; any other pair is no result."""
    rows = [
        (f"16#{code:04X}", f"16#{inverse(code):04X}", outcome.value, OUTCOME_TEXT[outcome])
        for outcome, code in OUTCOME_CODES.items()
    ]
    return Table(("RESULT", "RESULT_INV", "name", "what to do"), rows, code=("RESULT", "RESULT_INV"))


def causes_table() -> Table:
    """REASON_CODE."""
    rows = [("0", "NONE", "the answer is PASS, or there is none")]
    return Table(("REASON_CODE", "name", "means"), rows + [(str(int(c)), c.name, c.text) for c in Cause])


def faults_table() -> Table:
    """FAULT_CODE."""
    rows = [("0", "NONE", "no fault", "–")]
    rows += [
        (str(int(code)), code.name, code.text, "ResetFault, or a restart" if code.needs_reset else "by itself")
        for code in FaultCode
    ]
    return Table(("FAULT_CODE", "name", "means", "ends"), rows)


def markdown(io_map: IoMap) -> str:
    """Every table of the map."""
    tables = (stations_table(io_map), input_table(), status_table(), codes_table(), holding_table(), cmd_table())
    return to_markdown(tables)


def as_csv(io_map: IoMap) -> str:
    """One row for each register of each station, with its address on the wire and its six-digit reference."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, place in io_map.stations.items():
        for direction, function, prefix, offset, registers in (
            ("vision to controller", "04", 3, place.input_offset, INPUT),
            ("controller to vision", "16", 4, place.holding_offset, HOLDING),
        ):
            for register in registers:
                at = offset + register.address
                # The reference counts from 1: input register 0 is 300001, holding register 0 is 400001.
                where = (at, prefix * 100_000 + at + 1, register.words, TYPES[register.kind])
                writer.writerow((name, place.unit, direction, function, *where, register.name, register.text))
    return out.getvalue()


def bit_name(flag: Status | Cmd) -> str:
    """RESULT_VALID as ResultValid, the way the handshake writes it."""
    return "".join(part if part == "EP" else part.capitalize() for part in (flag.name or "").split("_"))


def _bit(flag: Status | Cmd, text: str) -> tuple[str, str, str]:
    return (str(flag.bit_length() - 1), bit_name(flag), text)


def _registers(prefix: str, registers: tuple[Register, ...]) -> Table:
    rows = []
    for register in registers:
        last = register.address + register.words - 1
        span = f"{register.address}" if register.words == 1 else f"{register.address}–{last}"
        rows.append((span, register.name, TYPES[register.kind], register.text))
    return Table((prefix, "name", "type", "meaning"), rows, code=("name",))
