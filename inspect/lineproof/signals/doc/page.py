"""The one page from which a controller can be programmed, and the files that go with it."""

from __future__ import annotations

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.signals.doc.handshake import changes_in_words, steps
from lineproof.signals.doc.markup import Block, Code, Figure, Heading, Points, Table, Text, to_html, to_markdown
from lineproof.signals.doc.structured_text import structured_text
from lineproof.signals.doc.tables import (
    as_csv,
    causes_table,
    cmd_table,
    codes_table,
    faults_table,
    holding_table,
    input_table,
    stations_table,
    status_table,
)
from lineproof.signals.doc.timing import timing_svg
from lineproof.signals.io_map import IoMap
from lineproof.signals.registers.image import input_words
from lineproof.signals.registers.layout import HOLDING_WORDS, INPUT_WORDS

TIMING_FILE, TEXT_FILE, CSV_FILE, MARKDOWN_FILE, HTML_FILE = (
    "timing.svg",
    "lineproof.st",
    "registers.csv",
    "io.md",
    "io.html",
)

STYLE = """
:root{color-scheme:light}
body{margin:0;background:#f5f7fa;color:#1d2733;font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:24px auto;padding:24px 40px 40px;background:#fff;border:1px solid #e4e7eb;border-radius:8px}
h1{font-size:26px;margin:8px 0 4px}h2{font-size:19px;margin:34px 0 8px;padding-top:10px;border-top:1px solid #e4e7eb}
h3{font-size:16px;margin:22px 0 6px}p,ol{max-width:80ch}li{margin:4px 0}
table{border-collapse:collapse;margin:8px 0;font-size:14px}
th{text-align:left;color:#52606d;font-weight:600;border-bottom:2px solid #cbd2d9;padding:4px 18px 4px 0;white-space:nowrap}
td{border-bottom:1px solid #e4e7eb;padding:4px 18px 4px 0;vertical-align:top}
td:first-child{white-space:nowrap}
code,pre{font:13px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
code{background:#f0f3f6;border-radius:3px;padding:1px 4px}
pre{background:#f7f9fb;border:1px solid #e4e7eb;border-radius:6px;padding:12px 16px;overflow-x:auto}
.wide{overflow-x:auto}figure{margin:12px 0}figure svg{max-width:100%;height:auto}figcaption{color:#52606d;font-size:13px}
@media(max-width:700px){main{margin:0;padding:16px;border:0;border-radius:0}}
@media print{body{background:#fff}main{border:0;margin:0;max-width:none;padding:0}pre{white-space:pre-wrap;font-size:10px}
tr,figure{break-inside:avoid}h2,h3{break-after:avoid}}
"""


def files(io_map: IoMap, deadline_ms: float, title: str) -> dict[str, str]:
    """Every file of the page by name; `deadline_ms` is the line's, from trigger to answer."""
    blocks = page(io_map, deadline_ms, title)
    return {
        MARKDOWN_FILE: to_markdown(blocks),
        HTML_FILE: to_html(title, STYLE, blocks),
        TIMING_FILE: timing_svg(io_map.times, deadline_ms),
        CSV_FILE: as_csv(io_map),
        TEXT_FILE: structured_text(io_map, deadline_ms),
    }


def page(io_map: IoMap, deadline_ms: float, title: str) -> list[Block]:
    """The page: where, the rule, the handshake, the registers, the program, a block to test with."""
    return [
        Heading(title, 1),
        Text(
            f"For whoever programs the controller. Register map {io_map.layout} over Modbus TCP: the vision system is "
            f"the server, the controller is the client. The same files lie beside this page: `{CSV_FILE}`, "
            f"`{TIMING_FILE}`, `{TEXT_FILE}`."
        ),
        *_connection(io_map),
        *_rule(io_map, deadline_ms),
        *_handshake(io_map, deadline_ms),
        *_registers(),
        *_faults(io_map),
        *_example(io_map),
        Heading("The controller's side in Structured Text"),
        Text(
            f"IEC 61131-3, also in `{TEXT_FILE}`. Call `LP_Station` in every scan with the last complete read, and "
            "write its `Output` with the next write. Energise the output that lets a part through only when `Decided` "
            "and `Pass` are TRUE in the same scan."
        ),
        Code(structured_text(io_map, deadline_ms), "iecst"),
    ]


def _connection(io_map: IoMap) -> list[Block]:
    times = io_map.times
    order = "high" if io_map.word_order == "big" else "low"
    return [
        Heading("Connection"),
        Table(
            ("what", "value"),
            [
                ("server", f"`{io_map.host}`, TCP port `{io_map.port}`"),
                ("read", f"function 04, {INPUT_WORDS} input registers in **one** request, every {times.poll_ms:g} ms"),
                (
                    "write",
                    f"function 16, {HOLDING_WORDS} holding registers in **one** request, every {times.poll_ms:g} ms",
                ),
                ("32-bit values", f"two registers, the {order} word first"),
                ("addresses", "count from 0 as on the wire; input register 0 is 30001, holding register 0 is 40001"),
                ("requests", "one at a time on a connection: wait for the answer before the next"),
                ("heartbeats", f"both change every {times.heartbeat_ms:g} ms; {times.watchdog_ms:g} ms still: reject"),
            ],
        ),
        stations_table(io_map),
        Text(
            "The addresses in the tables below count from the beginning of a station's block. Function 06 works too: "
            "write `TRIGGER_SEQ` and `PART_ID` before `CMD`. Modbus knows no passwords: whoever reaches the port can "
            "trigger and acknowledge, so keep it inside the network of the machine."
        ),
    ]


def _rule(io_map: IoMap, deadline_ms: float) -> list[Block]:
    times = io_map.times
    return [
        Heading("The rule"),
        Text(
            "**A part is a reject until the opposite is proven.** Start a timer at Trigger. Let the part through only "
            "if, before the timer ends, one read shows all of this:"
        ),
        Points(
            [
                "`LAYOUT_VERSION` is 16#0100 and `CRC32` fits words 0 to 41",
                "`STATUS.ResultValid` is 1",
                "`RESULT_SEQ` = `RESULT_SEQ_COPY` = the `TRIGGER_SEQ` of this part",
                "`SESSION_ID` is the one that was read at the trigger",
                "`RESULT` is 16#A5C3 (PASS) and `RESULT_INV` is its complement, 16#5A3C",
                f"`VISION_HEARTBEAT` has changed within the last {times.watchdog_ms:g} ms",
            ]
        ),
        Text(
            f"The vision system answers within {deadline_ms:g} ms of the trigger; with two polls of "
            f"{times.poll_ms:g} ms the timer is {deadline_ms + 2 * times.poll_ms:g} ms, or less where the part reaches "
            "the ejector sooner. An answer after the timer is not acknowledged: the part was rejected. Raise an alarm "
            "after three in a row."
        ),
    ]


def _handshake(io_map: IoMap, deadline_ms: float) -> list[Block]:
    rows = [
        (str(number), step.who, step.text, changes_in_words(step))
        for number, step in enumerate(steps(io_map.times, deadline_ms), 1)
    ]
    return [
        Heading("Handshake of one part"),
        Figure(timing_svg(io_map.times, deadline_ms), TIMING_FILE, "Timing of one part, not to scale"),
        Table(("step", "who", "does", "on the wire"), rows),
        Text(
            "Trigger, ResultAck and ResetFault work on their rising edge; a bit must be 0 in one write before it is 1 "
            "in the next. `TRIGGER_SEQ` is one more for each part, never 0, and survives a power cycle of the "
            "controller. Trigger only while TriggerReady is 1; any other trigger is answered MISSED."
        ),
    ]


def _registers() -> list[Block]:
    return [
        Heading("Input registers: the vision system writes"),
        input_table(),
        Heading("STATUS", 3),
        status_table(),
        Heading("RESULT", 3),
        codes_table(),
        Text(
            "Every other pair is **no result**. PASS and its complement are 16 bits or more away from every other code "
            "and from a line stuck at 0 or 1; no swap of bytes or words makes a PASS of another one."
        ),
        Heading("REASON_CODE", 3),
        causes_table(),
        Heading("FAULT_CODE", 3),
        Text("The lowest number of those that are active. While there is one, TriggerReady is 0."),
        faults_table(),
        Heading("CRC32", 3),
        Text(
            "CRC-32 of IEEE 802.3 (reflected polynomial 16#EDB88320, begins with 16#FFFFFFFF, inverted at the end) over "
            "words 0 to 41 as they lie on the wire, high byte of each first: 84 bytes. The bytes `12345678` give "
            "16#9AE0DAAF."
        ),
        Heading("Holding registers: the controller writes"),
        holding_table(),
        Heading("CMD", 3),
        cmd_table(),
    ]


def _faults(io_map: IoMap) -> list[Block]:
    times = io_map.times
    rows = [
        ("every word is 0", "the server runs, the inspection does not (yet)", "reject; wait"),
        ("no connection, or no answer", "the vision PC is off, restarting or unplugged", "reject; connect again"),
        (f"heartbeat still for {times.watchdog_ms:g} ms", "the inspection hangs", "reject; alarm"),
        ("`SESSION_ID` changed", "the vision system has restarted", "reject the part under way; go on with the next"),
        (
            "TriggerReady stays 0",
            "TriggerEnable is 0, the PLC's heartbeat stands still, or Fault is 1",
            "look at STATE",
        ),
        ("MissedTrigger", "a trigger came without TriggerReady", "the part was answered MISSED; ResetFault"),
        ("ResultOverrun", "the next trigger came before ResultAck", "read sooner or trigger later; ResetFault"),
        ("a write gets exception 6", "the inspection does not take commands", "reject; write again"),
        ("exception 2", "the range leaves the station's block", "check offsets and counts"),
        ("exception 11", "no station has this unit identifier", "check the unit"),
    ]
    return [Heading("When something is wrong"), Table(("seen", "means", "do"), rows)]


def _example(io_map: IoMap) -> list[Block]:
    """A block with a right checksum, to try a program without a server."""
    result = PartResult(0x1A2B3C4D, 70_000, "RING-0008", Outcome.PASS, latency_ms=41.2, frame_age_ms=38.5)
    view = StationView(result.session, State.SINGLE_EXECUTION, result, triggered=True, acquired=True, heartbeat=1234)
    words = [f"{word:04X}" for word in input_words(view, io_map.word_order)]
    rows = [f"{at:>2}  {' '.join(words[at : at + 8])}" for at in range(0, INPUT_WORDS, 8)]
    return [
        Heading("A block to test with"),
        Text(
            f"PASS for `TRIGGER_SEQ` {result.seq} of part `{result.part_id}` in session 16#{result.session:08X}. Change "
            "any bit of it and the program must reject."
        ),
        Code("\n".join(rows)),
    ]
