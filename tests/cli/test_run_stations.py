"""`lineproof run` with stations, whole: a real bundle in its own process, real wires, real records."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import pytest

from lineproof.cli.run import run
from lineproof.errors import SettingsError, SignalError
from loopback import free_port
from tiny_bundle import PARTS, tiny_bundle

WAIT_S = 60.0
SIX = ["ok.png", "blue.png", "ok.png", "red and blue.png", "ok.png", "ok.png"]


@pytest.fixture
def line(tmp_path):
    """Writes a line file beside a tiny bundle and six pictures; returns its path."""
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "images").mkdir()
    for number, name in enumerate(SIX):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), PARTS[name])

    def write(stations: str, rest: str = "") -> Path:
        path = tmp_path / "line.yaml"
        path.write_text(f"name: x\nbundle: bundle\nstations: {stations}\nrecords: {{folder: records}}\n{rest}")
        return path

    return write


def station(trigger: str, *, loop: bool = False, more: str = "") -> str:
    camera = f"{{kind: folder, path: images, loop: {str(loop).lower()}, name: top}}"
    return f"{{trigger: {trigger}, deadline_ms: 5000, cameras: [{camera}]{more}}}"


def facts_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_free_running_answers_every_picture_of_a_replay_and_ends(line, capsys):
    run(line(f"{{press: {station('free_run')}}}"), as_json=True)
    facts = facts_of(capsys)
    press = facts["stations"]["press"]
    assert (press["outcomes"]["PASS"], press["outcomes"]["FAIL"]) == (4, 2)
    assert facts["records"]["written"] >= 6
    assert press["latency_ms"]["p50"] >= press["engine_ms"]["p50"]


def test_two_stations_share_the_engine(line, capsys):
    run(line(f"{{press: {station('free_run')}, oven: {station('free_run')}}}"), as_json=True)
    stations = facts_of(capsys)["stations"]
    assert {name: one["outcomes"]["PASS"] for name, one in stations.items()} == {"press": 4, "oven": 4}


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lineproof", "run", str(path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(wanted, process: subprocess.Popen[str]) -> None:
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            if wanted():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"not ready: {process.poll()}")


def test_a_program_triggers_over_http_and_sigterm_ends_the_line(line):
    port = free_port()
    path = line(f"{{press: {station('software', loop=True)}}}", f"serve: {{port: {port}}}\n")
    with running(path) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        until(lambda: http.get("/v1/health/ready").status_code == 200, process)
        answers = [http.post(f"/v1/trigger?part_id=P{number}").json() for number in range(6)]
        assert [answer["decision"] for answer in answers] == ["PASS", "FAIL", "PASS", "FAIL", "PASS", "PASS"]
        assert [answer["part_id"] for answer in answers] == [f"P{number}" for number in range(6)]
        assert http.post("/v1/stations/press/trigger").json()["seq"] == 7
        assert http.post("/v1/stations/oven/trigger").status_code == 404
        os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(out)["stations"]["press"]["outcomes"]["PASS"] == 5


def test_the_engine_that_is_killed_is_replaced_while_the_line_goes_on(line):
    port = free_port()
    path = line(f"{{press: {station('software', loop=True)}}}", f"serve: {{port: {port}}}\n")
    with running(path) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        until(lambda: http.get("/v1/health/ready").status_code == 200, process)
        assert http.post("/v1/trigger").json()["decision"] == "PASS"
        for pid in engines(process.pid):
            os.kill(pid, signal.SIGKILL)
        until(lambda: http.get("/v1/health/ready").status_code == 503, process)
        until(lambda: http.get("/v1/health/ready").status_code == 200, process)
        assert http.post("/v1/trigger").json()["decision"] == "FAIL"  # the second picture
        os.kill(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert json.loads(out)["engine_restarts"] == 1


def engines(parent: int) -> list[int]:
    """Children that multiprocessing spawned, but for its tracker."""
    tasks = Path(f"/proc/{parent}/task")
    children = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_bundle_that_does_not_verify_is_a_fault_on_the_wire_and_no_part_passes(line, capsys):
    """The line stays up: its controller must find a fault there, not a closed port."""
    path = line(f"{{press: {station('free_run')}}}")
    (path.parent / "bundle" / "model.onnx").write_bytes(b"changed")
    run(path, duration=3, as_json=True)
    press = facts_of(capsys)["stations"]["press"]
    assert press["outcomes"]["PASS"] == 0


def test_a_port_that_is_taken_is_one_line(line):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        io = f"io: {{modbus: {{port: {taken.getsockname()[1]}, stations: {{press: {{}}}}}}}}\n"
        with pytest.raises(SignalError, match="cannot listen"):
            run(line(f"{{press: {station('modbus')}}}", io), duration=1)


@pytest.mark.parametrize(
    ("stations", "why"),
    [
        ("{press: " + station("encoder") + "}", "encoder needs the section encoder"),
        ("{press: " + station("gpio") + "}", "there is no io.gpio"),
        ("{press: " + station("free_run", more=", free_run: {rate_hz: 0}") + "}", "rate_hz"),
    ],
)
def test_triggers_that_lack_something_are_refused(line, stations, why):
    with pytest.raises(SettingsError, match=why):
        run(line(stations))


def test_every_recipe_of_a_line_file_is_opened_and_verified(line):
    from lineproof.cli.run_stations import build_inspectors
    from lineproof.errors import BundleError

    other = line(f"{{press: {station('free_run')}}}").parent / "other"
    tiny_bundle(other)
    recipes = "recipe: 1\nrecipes: {5: {bundle: other, rules: {classes: {blue: {ignore: true}}}}}\n"
    found = build_inspectors(line(f"{{press: {station('free_run')}}}", recipes))
    assert [limit.name for limit in found[1].limits] == ["blue", "red"]
    assert len(found[5].limits) == 1
    (other / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError, match="model"):
        build_inspectors(line(f"{{press: {station('free_run')}}}", recipes))
