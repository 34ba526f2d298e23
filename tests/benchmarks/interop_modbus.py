"""Modbus TCP against libmodbus: a controller that is cut off hard, again and again, and comes back.

Half of the cuts are RST, half SIGKILL; half hit a part that is under way; half last longer than the 300 ms without a
heartbeat after which a controller counts as lost, and its successor must be shown another session and no old result.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from interop_line import STATION, Answers, Camera, Key, handles, running, spread_ms, wait_for
from station_rig import modbus_map

from lineproof.core.station import Outcome
from lineproof.line.conduct.inbox import Inbox
from lineproof.signals.modbus_tcp import ModbusServer
from lineproof.signals.registers.decode import Block, read_block
from lineproof.signals.registers.layout import Status

SOURCE = Path(__file__).with_suffix(".c")
HEADER = Path("/usr/include/modbus/modbus.h")
LOST_S = 0.3  # without a heartbeat: the line file's default
SLACK_S = 0.1  # a silence this close to it may fall on either side
SHORT_S, LONG_S = (0.0, 0.15), (LOST_S + SLACK_S, 0.8)
PART_S = 0.03  # a part under way at a short cut is answered soon
LONG_PART_S = 0.6  # at a long one it is still there when its controller counts as lost


def missing() -> str:
    """Why there is no client; "" if it can be built."""
    if not HEADER.exists():
        return "libmodbus is not installed (Debian package `libmodbus-dev`)"
    return "" if shutil.which("cc") else "there is no C compiler (Debian package `gcc`)"


def build(folder: Path) -> Path:
    """Compile the controller into a folder."""
    program = folder / "interop_modbus"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, SOURCE, "-lmodbus"], check=True)
    return program


@dataclass
class Seen:
    """What one connection of the controller told."""

    connect_ns: int = 0
    triggered: dict[int, int] = field(default_factory=dict)  # seq → ns of the confirmed write
    blocks: list[tuple[int, Block | None]] = field(default_factory=list)

    @property
    def session(self) -> int | None:
        """As read last."""
        return next((block.session for _, block in reversed(self.blocks) if block is not None and block.session), None)

    def first(self, status: Status) -> int | None:
        """When a status bit was read first, in ns."""
        return next((ns for ns, block in list(self.blocks) if block is not None and block.status & status), None)

    def outcome(self, seq: int) -> Outcome | None:
        """Of a part, as it was read."""
        readings = [block.reading for _, block in list(self.blocks) if block is not None and block.reading is not None]
        return next((reading.outcome for reading in readings if reading.seq == seq), None)


class Plc:
    """One run of the program: one connection."""

    def __init__(self, program: Path, port: int, seq: int) -> None:
        self.seen = Seen()
        command = [str(program), str(port), "1", str(seq)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, name="plc")
        self._thread.start()

    def trigger(self, seq: int) -> None:
        """A part is in position."""
        self._say(f"t {seq}\n")

    def cut(self, how: Literal["RST", "SIGKILL"]) -> None:
        """Gone, with whatever was under way; returns when it is."""
        self._say("r\n") if how == "RST" else self._process.kill()
        self._process.wait(10)
        self._thread.join()
        self._process.stdout.close()
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _say(self, line: str) -> None:
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout:
            if not line.endswith("\n"):  # killed in the middle of it
                return
            what, ns, *rest = line.split()
            if what == "connect":
                self.seen.connect_ns = int(ns)
            elif what == "triggered":
                self.seen.triggered[int(rest[0])] = int(ns)
            else:
                self.seen.blocks.append((int(ns), read_block([int(word, 16) for word in rest])))


@dataclass
class Tally:
    """Over all disconnects."""

    ready_s: list[float] = field(default_factory=list)
    part_under_way: int = 0
    lost_controllers: int = 0
    cuts: dict[str, int] = field(default_factory=lambda: {"RST": 0, "SIGKILL": 0})
    same_session_after_loss: int = 0
    old_result_in_new_session: int = 0
    torn_blocks: int = 0
    confirmed: dict[int, Key | None] = field(default_factory=dict)  # seq → key, None until a row says it
    passes_read: set[Key] = field(default_factory=set)


def disconnects(times: int, folder: Path, port: int, chance: random.Random) -> dict[str, object]:
    """Cut the controller off so often; figures."""
    program, inbox, answers, camera, tally = build(folder), Inbox(), Answers(), Camera(PART_S), Tally()
    server = ModbusServer(modbus_map(port, [STATION]), inbox.wake)
    wires = {"modbus": server.stations[STATION]}
    with running(wires, inbox, [answers], camera, commanding="modbus", controller_timeout_ms=1e3 * LOST_S):
        plc, seq = Plc(program, port, 0), 0
        wait_for(lambda: plc.seen.first(Status.TRIGGER_READY), 120, "the line to become ready")
        before = handles()
        for _ in range(times):
            camera.pause_s = PART_S
            seq = whole_part(plc, seq)
            plc, seq = one_cut(plc, program, port, seq, camera, chance, tally)
        seq = whole_part(plc, seq)
        after = handles()
        plc.cut("SIGKILL")
        note(plc.seen, tally)
    return figures(times, tally, answers, before, after)


def whole_part(plc: Plc, seq: int) -> int:
    """One that nothing disturbs; its number."""
    wait_for(lambda: ready(plc), 20, "TriggerReady")
    plc.trigger(seq + 1)
    wait_for(lambda: plc.seen.outcome(seq + 1), 20, f"the answer to part {seq + 1}")
    wait_for(lambda: ready(plc), 20, "TriggerReady after the answer")
    return seq + 1


def ready(plc: Plc) -> bool:
    """The block that was read last says so, and shows no result any more."""
    block = plc.seen.blocks[-1][1] if plc.seen.blocks else None
    if block is None:
        return False
    return bool(block.status & Status.TRIGGER_READY) and not block.status & Status.RESULT_VALID


def one_cut(
    plc: Plc, program: Path, port: int, seq: int, camera: Camera, chance: random.Random, tally: Tally
) -> tuple[Plc, int]:
    """Cut, wait, connect again; the new controller, once it may trigger."""
    with_part, is_long = chance.random() < 0.5, chance.random() < 0.5
    how: Literal["RST", "SIGKILL"] = "RST" if chance.random() < 0.5 else "SIGKILL"
    if with_part:
        camera.pause_s = LONG_PART_S if is_long else PART_S
        seq += 1
        plc.trigger(seq)
        wait_for(lambda: seq in plc.seen.triggered, 20, "the trigger to be written")
    time.sleep(chance.uniform(0, PART_S if with_part else 0.02))
    plc.cut(how)
    cut_s, old = time.monotonic(), plc.seen.session
    note(plc.seen, tally)
    tally.cuts[how] += 1
    tally.part_under_way += with_part
    time.sleep(chance.uniform(*(LONG_S if is_long else SHORT_S)))
    camera.pause_s = PART_S
    silent_s = time.monotonic() - cut_s
    plc = Plc(program, port, seq)
    wait_for(lambda: plc.seen.first(Status.TRIGGER_READY), 20, "TriggerReady after a disconnect")
    tally.ready_s.append((plc.seen.first(Status.TRIGGER_READY) - plc.seen.connect_ns) / 1e9)
    if silent_s > LOST_S + SLACK_S:
        tally.lost_controllers += 1
        tally.same_session_after_loss += plc.seen.session == old
        tally.old_result_in_new_session += any(block and block.reading for _, block in list(plc.seen.blocks))
    return plc, seq


def note(seen: Seen, tally: Tally) -> None:
    """What a connection that is over had told."""
    tally.confirmed |= dict.fromkeys(seen.triggered)
    for _, block in seen.blocks:
        tally.torn_blocks += block is None
        if block is not None and block.reading is not None and block.reading.outcome is Outcome.PASS:
            tally.passes_read.add((block.reading.session, block.reading.seq))


def figures(times: int, tally: Tally, answers: Answers, before: object, after: object) -> dict[str, object]:
    """For the report."""
    passed = {row.key for row in answers.rows if row.outcome is Outcome.PASS and row.is_good}
    answered = [row.key[1] for row in answers.rows]
    return {
        "peer": "libmodbus",
        "disconnects": times,
        **tally.cuts,
        "part_under_way": tally.part_under_way,
        "controller_lost": tally.lost_controllers,
        "connect_to_trigger_ready_ms": spread_ms(tally.ready_s),
        "triggers": len(tally.confirmed),
        **answers.figures(),
        "triggers_without_answer": len(set(tally.confirmed) - set(answered)),
        "answers_without_trigger": len(set(answered) - set(tally.confirmed)),
        "pass_read_that_was_none": len(tally.passes_read - passed),
        "torn_blocks": tally.torn_blocks,
        "same_session_after_loss": tally.same_session_after_loss,
        "old_result_in_new_session": tally.old_result_in_new_session,
        "handles": [before, after],
    }
