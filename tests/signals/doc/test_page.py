from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from lineproof.settings import parse_settings
from lineproof.signals.doc.handshake import PLC_LANES, VISION_LANES, steps
from lineproof.signals.doc.markup import Code, Heading, Points, Table, Text, to_html, to_markdown
from lineproof.signals.doc.page import files
from lineproof.signals.doc.tables import as_csv, bit_name, markdown
from lineproof.signals.doc.timing import timing_svg
from lineproof.signals.io_map import IoMap, Times
from lineproof.signals.registers.decode import is_pass
from lineproof.signals.registers.layout import CMD_TEXT, HOLDING, INPUT, STATUS_TEXT, Cmd, Status

TWO = parse_settings(
    {"stations": {"left": {"note": "ring | inside"}, "right": {"unit": 2, "input_offset": 100, "holding_offset": 50}}},
    IoMap,
    "t",
)


def test_the_csv_has_every_register_of_every_station_with_its_address_on_the_wire():
    rows = list(csv.DictReader(io.StringIO(as_csv(TWO))))
    assert len(rows) == 2 * (len(INPUT) + len(HOLDING))
    by_name = {(row["station"], row["direction"][:6], row["name"]): row for row in rows}
    seq = by_name["right", "vision", "RESULT_SEQ"]
    assert (seq["unit"], seq["function"], seq["address"], seq["reference"], seq["words"]) == (
        "2",
        "04",
        "104",
        "300105",
        "2",
    )
    assert by_name["right", "contro", "CMD"]["reference"] == "400051"


def test_every_bit_has_its_line():
    assert set(STATUS_TEXT) == set(Status)
    assert set(CMD_TEXT) == set(Cmd)
    text = markdown(TWO)
    for flag in (*Status, *Cmd):
        assert re.search(rf"^\| {flag.bit_length() - 1} \| {bit_name(flag)} \|", text, re.MULTILINE)
    assert bit_name(Status.DEGRADED_EP) == "DegradedEP"


def test_tables_name_every_register_and_code():
    text = markdown(TWO)
    for register in (*INPUT, *HOLDING):
        assert f"`{register.name}`" in text
    for words in ("`16#A5C3` | `16#5A3C` | PASS", "ring \\| inside", "| right | 2 | 100 to 143 | 50 to 81 |"):
        assert words in text


def test_every_change_of_the_handshake_has_its_lane():
    changed = {name for step in steps(Times(), 100) for name in step.changes}
    assert changed == {*PLC_LANES, *VISION_LANES}


def test_the_drawing_is_well_formed_and_carries_the_times():
    times = parse_settings({"trigger_ack_ms": 15, "heartbeat_ms": 50, "watchdog_ms": 150}, Times, "t")
    root = ET.fromstring(timing_svg(times, 90))
    words = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    for lane in (*PLC_LANES, *VISION_LANES, "≤ 15 ms", "≤ 90 ms", "new every 50 ms; 150 ms still"):
        assert lane in words
    width, height = int(root.get("width")), int(root.get("height"))
    for line in root.iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", line.get("d"))]
        assert all(0 <= number <= max(width, height) for number in numbers)


class Tags(HTMLParser):
    """Every tag is closed in its order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, _attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else():
    made = files(TWO, 120, "Rings & co")
    assert set(made) == {"io.md", "io.html", "timing.svg", "registers.csv", "lineproof.st"}
    tags = Tags()
    tags.feed(made["io.html"])
    assert tags.open == []
    assert "<title>Rings &amp; co</title>" in made["io.html"]
    assert not re.search(r'(src|href)="', made["io.html"])
    assert made["timing.svg"].strip() in made["io.html"]
    assert "![Timing of one part, not to scale](timing.svg)" in made["io.md"]
    assert made["lineproof.st"].strip() in made["io.md"]
    for words in ("the timer is 140 ms", "`127.0.0.1`, TCP port `502`", "two registers, the high word first"):
        assert words in made["io.md"]


@pytest.mark.parametrize("order", ["big", "little"])
def test_the_block_to_test_with_is_a_pass(order):
    page = files(parse_settings({"word_order": order}, IoMap, "t"), 120, "t")["io.md"]
    dump = page.split("## A block to test with")[1].split("```")[1]
    words = [int(word, 16) for line in dump.strip().splitlines() for word in line.split()[1:]]
    assert is_pass(words, seq=70_000, session=0x1A2B3C4D, order=order)


def test_markup():
    blocks = [
        Heading("a & b"),
        Text("**x** is `1 < 2`"),
        Points(["one"]),
        Table(("h", "c"), [("a|b", "x|y")], code=("c",)),
        Code("<p>\n", "st"),
    ]
    assert to_markdown(blocks) == (
        "## a & b\n\n**x** is `1 < 2`\n\n1. one\n\n| h | c |\n| --- | --- |\n| a\\|b | `x\\|y` |\n\n```st\n<p>\n```\n"
    )
    html = to_html("t", "", blocks)
    for words in ("<h2>a &amp; b</h2>", "<b>x</b> is <code>1 &lt; 2</code>", "<li>one</li>", "<pre>&lt;p&gt;</pre>"):
        assert words in html
