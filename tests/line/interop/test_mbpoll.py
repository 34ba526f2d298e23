"""mbpoll as the controller: a connection for each request, and one that is killed in the middle of its polling."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from lineproof.core.station import Outcome
from lineproof.line.conduct.inbox import Inbox
from lineproof.signals.modbus_tcp import ModbusServer
from lineproof.signals.registers.decode import Block, read_block
from lineproof.signals.registers.image import ControllerImage, holding_words
from lineproof.signals.registers.layout import HOLDING_WORDS, INPUT_WORDS, Status
from loopback import free_port

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SILENCE_S = 1.0  # in which a busy machine runs mbpoll twice

pytestmark = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed (Debian: mbpoll)")


class Plc:
    """A program for each request, as a controller that opens a connection for each."""

    def __init__(self, port: int) -> None:
        self._start = ["mbpoll", "-m", "tcp", "-p", str(port), "-0", "-a", "1", "-r", "0"]
        self._heartbeat = 0

    def cycle(self, **image: object) -> Block:
        """Write every holding register, read every input register."""
        self._heartbeat += 1
        words = holding_words(ControllerImage(enable=True, heartbeat=self._heartbeat, **image))
        assert len(words) == HOLDING_WORDS
        self._run("-1", "-t", "4", "127.0.0.1", *map(str, words))
        shown = self._run("-1", "-t", "3:hex", "-c", str(INPUT_WORDS), "127.0.0.1")
        block = read_block([int(word, 16) for word in re.findall(r"^\[\d+\]:\s+0x([0-9A-F]{4})", shown, re.MULTILINE)])
        assert block is not None
        return block

    def until_ready(self, seq: int) -> Block:
        """TriggerReady; TRIGGER_SEQ stays that of the last part."""
        end_s = time.monotonic() + 120
        while time.monotonic() < end_s:
            block = self.cycle(trigger_seq=seq)
            if block.status & Status.TRIGGER_READY:
                return block
        raise AssertionError("never ready")

    def part(self, seq: int) -> Block:
        """Trigger, read, acknowledge; the block with the answer."""
        block = self.cycle(trigger=True, trigger_seq=seq, part_id=f"P{seq}")
        while block.reading is None or block.reading.seq != seq:
            block = self.cycle(trigger_seq=seq)
        self.cycle(trigger_seq=seq, ack=True)
        return block

    def die_while_polling(self) -> None:
        """Read every 20 ms, and be killed."""
        command = [*self._start, "-t", "3:hex", "-c", str(INPUT_WORDS), "-l", "20", "127.0.0.1"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as poller:
            time.sleep(0.1)
            poller.kill()

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._start, *arguments], capture_output=True, text=True, check=True, timeout=20).stdout


def test_every_part_is_answered_and_a_silent_controller_begins_a_session(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    line, rig = importlib.import_module("interop_line"), importlib.import_module("station_rig")
    inbox, answers, port, seq = Inbox(), line.Answers(), free_port(), 0
    server = ModbusServer(rig.modbus_map(port, [line.STATION]), inbox.wake)
    wires = {"modbus": server.stations[line.STATION]}
    plc, sessions = Plc(port), []
    silence_ms = 1e3 * SILENCE_S
    with line.running(wires, inbox, [answers], line.Camera(), commanding="modbus", controller_timeout_ms=silence_ms):
        for _ in range(3):
            block = plc.until_ready(seq)
            assert block.reading is None
            sessions.append(block.session)
            for _ in range(2):
                seq += 1
                answer = plc.part(seq).reading
                assert (answer.part_id, answer.session) == (f"P{seq}", block.session)
                assert answer.outcome in (Outcome.PASS, Outcome.FAIL)
                plc.die_while_polling()
            time.sleep(2 * SILENCE_S)
            silent = plc.cycle(trigger_seq=seq)
            assert silent.reading is None
    assert len(set(sessions)) == 3
    assert [row.key[1] for row in answers.rows] == list(range(1, seq + 1))
    assert answers.figures()["wrong_pass"] == 0
