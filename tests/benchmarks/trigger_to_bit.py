"""Trigger → result in the controller's registers, over Modbus TCP on loopback, and what the line adds to the engine.

The line is a process of its own, and so is its engine; this process is the controller, which reads every `--poll-ms`. A part's
`added` is its time from the trigger (taken by the decision loop) to the result on the wire, less the engine's own time for
the same part; `bare hops` are the hand-overs between threads and processes in it, alone and with nothing to do. `to
controller` begins with the controller's write and ends with the read that shows the result.

    python tests/benchmarks/trigger_to_bit.py [--bundle BUNDLE] [--stations 4] --out FILE.json
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from bare_hops import hops_ms
from machine import machine

from lineproof.core.station import Outcome
from lineproof.signals.registers.decode import Block, read_block
from lineproof.signals.registers.image import ControllerImage, holding_words
from lineproof.signals.registers.layout import HOLDING_WORDS, INPUT_WORDS, Status

READY_S = 120.0
ANSWER_S = 5.0


class Controller:
    """Modbus TCP by hand, so that the client costs next to nothing: FC16 of 32 words, FC04 of 44."""

    def __init__(self, port: int, unit: int, poll_ms: float) -> None:
        self._poll_s = poll_ms / 1000
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unit = unit
        self._heartbeat = 0
        self._read = struct.pack(">HHHBBHH", 1, 0, 6, unit, 4, 0, INPUT_WORDS)

    def write(self, **image: object) -> None:
        """All holding registers, with the next heartbeat."""
        self._heartbeat = (self._heartbeat + 1) % (1 << 16)
        words = holding_words(ControllerImage(enable=True, heartbeat=self._heartbeat, **image))
        body = struct.pack(f">BBHHB{HOLDING_WORDS}H", self._unit, 16, 0, HOLDING_WORDS, 2 * HOLDING_WORDS, *words)
        self._ask(struct.pack(">HHH", 1, 0, len(body)) + body, 12)

    def read(self) -> Block | None:
        """The block as it is now."""
        answer = self._ask(self._read, 9 + 2 * INPUT_WORDS)
        return read_block(struct.unpack(f">{INPUT_WORDS}H", answer[9:]))

    def until_ready(self) -> None:
        """Wait for TriggerReady."""
        end_s = time.monotonic() + READY_S
        while time.monotonic() < end_s:
            self.write()
            block = self.read()
            if block is not None and block.status & Status.TRIGGER_READY:
                return
            time.sleep(0.02)
        raise SystemExit("the line did not become ready")

    def part(self, seq: int) -> tuple[Outcome | None, float]:
        """Trigger, poll, acknowledge; the outcome, and ms from the begin of the write to the end of the read."""
        begun = time.perf_counter()
        self.write(trigger=True, trigger_seq=seq, part_id=f"P{seq}")
        while time.perf_counter() - begun < ANSWER_S:
            time.sleep(self._poll_s)
            block = self.read()
            if block is not None and block.reading is not None and block.reading.seq == seq:
                took_ms = (time.perf_counter() - begun) * 1e3
                assert block.reading.part_id == f"P{seq}"
                self.write(trigger_seq=seq, ack=True)
                self.write(trigger_seq=seq)
                return block.reading.outcome, took_ms
        return None, ANSWER_S * 1e3

    def _ask(self, request: bytes, size: int) -> bytes:
        self._socket.sendall(request)
        answer = b""
        while len(answer) < size:
            answer += self._socket.recv(size - len(answer))
        return answer


def main() -> None:
    """Start the line, be its controller, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triggers", type=int, default=10_000, help="at each station")
    parser.add_argument("--stations", type=int, default=1)
    parser.add_argument("--bundle", type=Path, help="default: a stub engine that takes no time")
    parser.add_argument("--wh", default="640x480")
    parser.add_argument("--poll-ms", type=float, default=5, help="between two reads; a PLC reads every 5 to 20")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    about = machine()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, __file__, *sys.argv[1:], "--serve", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as line:
        line.stdout.readline()
        seen = drive(port, options)
        line.stdin.write("stop\n")
        line.stdin.flush()
        own = json.loads(line.stdout.readline())
    figures = {
        "machine": about,
        "engine": str(options.bundle.name) if options.bundle else "stub",
        "picture": options.wh,
        "stations": options.stations,
        "poll_ms": options.poll_ms,
        "triggers_at_each": options.triggers,
        "to_controller_ms": {name: spread(times) for name, (times, _) in seen.items()},
        "outcomes": {name: outcomes for name, (_, outcomes) in seen.items()},
        **own,
    }
    say(json.dumps(figures, indent=2))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


def drive(port: int, options: argparse.Namespace) -> dict[str, tuple[list[float], dict[str, int]]]:
    """One controller for each station, at once."""
    seen: dict[str, tuple[list[float], dict[str, int]]] = {}

    def run(unit: int) -> None:
        controller = Controller(port, unit, options.poll_ms)
        controller.until_ready()
        times, outcomes = [], {}
        for seq in range(1, options.triggers + 1):
            outcome, took_ms = controller.part(seq)
            times.append(took_ms)
            word = "none" if outcome is None else outcome.value
            outcomes[word] = outcomes.get(word, 0) + 1
        seen[f"s{unit}"] = times, outcomes

    threads = [threading.Thread(target=run, args=(unit,)) for unit in range(1, options.stations + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def serve(options: argparse.Namespace) -> None:
    """The line, until something comes on stdin; then its own figures."""
    from station_rig import Watch, line_of, modbus_wires, pictures

    from lineproof.line.conduct.inbox import Inbox

    names = [f"s{number}" for number in range(1, options.stations + 1)]
    inbox, watch = Inbox(), Watch()
    width, height = map(int, options.wh.split("x"))
    wires = modbus_wires(options.serve, names, inbox)
    conductor = line_of(names, wires, inbox, [watch], pictures(width, height), bundle=options.bundle)
    thread = threading.Thread(target=conductor.run)
    thread.start()
    say("up")
    sys.stdin.readline()
    conductor.stop()
    thread.join()
    floor = hops_ms()
    latency, engine = np.array(watch.latency_ms), np.array(watch.engine_ms)
    to_exposure, to_engine = np.array(watch.to_exposure_ms), np.array(watch.to_engine_ms)
    own = {
        "line_ms": spread(latency),
        "engine_ms": spread(engine),
        "added_ms": spread(latency - engine),
        "added_where_ms": {
            "trigger to picture": spread(to_exposure),
            "picture to engine": spread(to_engine),
            "engine to wire": spread(latency - engine - to_exposure - to_engine),
        },
        "added_mean_ms": round(float((latency - engine).mean()), 3),
        "bare_hops_ms": spread(floor),
        "engine_restarts": conductor.room.restarts,
    }
    say(json.dumps(own))


def spread(values: list[float] | np.ndarray) -> dict[str, float]:
    """Median, 99th and 99.9th percentile, largest."""
    p50, p99, p999 = np.percentile(values, [50, 99, 99.9])
    found = {"p50": p50, "p99": p99, "p99.9": p999, "max": np.max(values)}
    return {name: round(float(value), 3) for name, value in found.items()}


def say(line: str) -> None:
    """One line at once, for the person or for the parent."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
