"""Everything that a line file names is tried, and what is wrong is told in one line each."""

from __future__ import annotations

import json
import socket

import cv2
import pytest
import typer

from lineproof.cli.doctor import doctor
from lineproof.cli.doctor_line import checks
from lineproof.errors import SettingsError
from loopback import free_port
from tiny_bundle import PARTS, tiny_bundle


@pytest.fixture
def line(tmp_path):
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), PARTS["ok.png"])
    path = tmp_path / "line.yaml"

    def write(**parts: str):
        told = {
            "bundle": "bundle",
            "camera": "{kind: folder, path: images, name: top}",
            "io": f"{{modbus: {{port: {free_port()}, stations: {{press: {{}}}}}}}}",
            "records": "records",
            **parts,
        }
        path.write_text(
            f"name: x\nbundle: {told['bundle']}\nstations: {{press: {{trigger: modbus, cameras: [{told['camera']}]}}}}\n"
            f"io: {told['io']}\nrecords: {{folder: {told['records']}}}\n"
        )
        return path

    return write


def test_all_is_well(line, capsys):
    doctor(line(), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"]
    assert [check["room"] for check in facts["checks"]] == ["bundle", "camera", "wire", "records"]
    assert "probes agree" in facts["checks"][0]["found"]
    assert facts["checks"][1]["found"] == "64×64"


@pytest.mark.parametrize(
    ("room", "changes", "why"),
    [
        ("bundle", {"bundle": "none"}, "no such bundle"),
        ("camera", {"camera": "{kind: folder, path: none, name: top}"}, "no such folder"),
        (
            "camera",
            {"camera": "{kind: stream, url: 'http://127.0.0.1:1/x', open_timeout_s: 1, name: top}"},
            "127.0.0.1:1",
        ),
        ("records", {"records": "line.yaml"}, "not a folder"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_tried_all_the_same(line, room, changes, why):
    found = {check.room: check for check in checks(line(**changes))}
    assert not found[room].ok
    assert why in found[room].found
    assert "\n" not in found[room].found
    assert all(check.ok for name, check in found.items() if name != room)


def test_a_port_that_is_taken_and_a_receiver_that_is_not_there(line):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        io = f"{{modbus: {{port: {port}, stations: {{press: {{}}}}}}, http_callback: {{url: 'http://127.0.0.1:1/', station: a}}}}"
        found = {check.name: check for check in checks(line(io=io)) if check.room == "wire"}
    assert "another process has the port" in found["modbus"].found
    assert "nobody listens on 127.0.0.1:1" in found["http_callback"].found


def test_a_damaged_picture_is_told_and_the_next_one_is_tried(line, tmp_path):
    path = line()
    (tmp_path / "images" / "0.png").write_bytes(b"no picture")
    found = {check.room: check for check in checks(path)}["camera"]
    assert (found.ok, found.found.startswith("64×64; a picture before this one was damaged: ")) == (True, True)
    (tmp_path / "images" / "a.png").unlink()
    found = {check.room: check for check in checks(path)}["camera"]
    assert (found.ok, "0.png" in found.found) == (False, True)


def test_what_is_wrong_does_not_name_its_wire_twice(line):
    io = f"{{modbus: {{port: {free_port()}, stations: {{press: {{}}}}}}, mqtt: {{host: 127.0.0.1, port: 1, site: a, line: b}}}}"
    found = {check.name: check for check in checks(line(io=io))}["mqtt"]
    assert not found.ok
    assert found.found.startswith("127.0.0.1:1: ")


def test_as_a_verb_it_says_no_with_1(line, capsys):
    with pytest.raises(typer.Exit) as end:
        doctor(line(bundle="none"), as_json=False)
    assert end.value.exit_code == 1
    assert "1 of 4 to mend" in capsys.readouterr().out


def test_a_line_file_that_is_wrong_is_one_line(tmp_path):
    (tmp_path / "line.yaml").write_text("name: x\nbundel: y\n")
    with pytest.raises(SettingsError, match="did you mean 'bundle'"):
        list(checks(tmp_path / "line.yaml"))
