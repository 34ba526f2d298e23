"""How long a view takes from `show` to a controller that polls as fast as it can, over loopback.

The controller is a process of its own with pymodbus' client: one FC04 of 44 registers after the other.

    python tests/benchmarks/modbus_loopback.py --out tests/benchmarks/results/modbus_DATE.json
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from machine import machine
from pymodbus.client import ModbusTcpClient

from lineproof.core.station import Outcome, PartResult, State, StationView, Triggered
from lineproof.signals.io_map import IoMap
from lineproof.signals.modbus_tcp import ModbusServer, ModbusTcp
from lineproof.signals.registers.decode import read_block
from lineproof.signals.registers.image import ControllerImage, holding_words

SESSION = 7
GAP_S = (0.001, 0.005)  # between two views, drawn evenly: not in step with the polls


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=2000)
    parser.add_argument("--reconnects", type=int, default=100)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--poll", type=int, help=argparse.SUPPRESS)  # the child: port to poll
    options = parser.parse_args()
    if options.poll:
        poll(options.poll, options.views)
        return
    about = machine()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ModbusServer(IoMap(port=port))
    wire = server.stations["main"]
    figures: dict[str, object] = {"machine": about, "views": options.views, "reconnects": options.reconnects}
    figures |= views_to_client(wire, port, options.views)
    figures["trigger_to_command_ms"] = trigger_to_command(wire, port)
    figures["connect_to_first_block_ms"] = reconnects(port, options.reconnects)
    figures["server_up_after"] = server.up
    server.close()
    say(json.dumps(figures, indent=2))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


def views_to_client(wire: ModbusTcp, port: int, views: int) -> dict[str, object]:
    """Show, and let the child say when it saw a view or a newer one; both processes have the same monotonic clock."""
    command = [sys.executable, __file__, "--poll", str(port), "--views", str(views)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        child.stdout.readline()  # it polls
        shown, cost = {}, []
        for seq in range(1, views + 1):
            result = PartResult(SESSION, seq, f"part-{seq}", Outcome.PASS)
            view = StationView(SESSION, State.READY, result, heartbeat=seq)
            shown[seq] = time.monotonic_ns()
            wire.show(view)
            cost.append(time.monotonic_ns() - shown[seq])
            time.sleep(random.uniform(*GAP_S))
        seen = json.loads(child.stdout.readline())
    first = {int(seq): at for seq, at in seen["first_seen_ns"].items()}
    # A view that was replaced before the next poll counts until the newer one was seen.
    visible = np.minimum.accumulate([first.get(seq, np.inf) for seq in range(views, 0, -1)])[::-1]
    ages = [(at - shown[seq]) / 1e6 for seq, at in enumerate(visible.tolist(), 1)]
    return {
        "show_call_ms": spread([ns / 1e6 for ns in cost]),
        "shown_to_visible_ms": spread(ages),
        "views_seen_themselves": len(first),
        "polls": seen["polls"],
        "poll_ms": seen["poll_ms"],
        "torn_blocks": seen["torn"],
    }


def poll(port: int, views: int) -> None:
    """The controller: first sight of each sequence number."""
    first_seen: dict[int, int] = {}
    polls = torn = 0
    took = []
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        say("polling")
        while views not in first_seen:
            before = time.monotonic_ns()
            words = client.read_input_registers(0, count=44, device_id=1).registers
            now = time.monotonic_ns()
            took.append((now - before) / 1e6)
            polls += 1
            if any(words):
                block = read_block(words)
                torn += block is None or block.reading is None
                if block is not None and block.reading is not None:
                    first_seen.setdefault(block.reading.seq, now)
    say(json.dumps({"first_seen_ns": first_seen, "polls": polls, "torn": torn, "poll_ms": spread(took)}))


def trigger_to_command(wire: ModbusTcp, port: int, triggers: int = 500) -> dict[str, float]:
    """From the begin of a write to its answer, with the command in the queue."""
    took = []
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        client.write_registers(0, list(holding_words(ControllerImage(enable=True))), device_id=1)
        for seq in range(1, triggers + 1):
            raised = list(holding_words(ControllerImage(enable=True, trigger=True, trigger_seq=seq)))
            before = time.monotonic_ns()
            client.write_registers(0, raised, device_id=1)
            asked = wire.commands()
            took.append((time.monotonic_ns() - before) / 1e6)
            assert isinstance(asked[-1], Triggered)
            assert asked[-1].seq == seq
            client.write_register(0, 1, device_id=1)
    return spread(took)


def reconnects(port: int, times: int) -> dict[str, float]:
    """From nothing to the first whole block."""
    took = []
    for _ in range(times):
        before = time.monotonic_ns()
        with ModbusTcpClient("127.0.0.1", port=port) as client:
            words = client.read_input_registers(0, count=44, device_id=1).registers
        assert read_block(words) is not None
        took.append((time.monotonic_ns() - before) / 1e6)
    return spread(took)


def spread(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile, largest."""
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4), "max": round(max(values), 4)}


def say(line: str) -> None:
    """One line at once, for the person or for the parent."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
