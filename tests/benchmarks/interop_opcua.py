"""OPC UA against asyncua's client: controllers in processes of their own, killed at random moments, half with a part under way.

Half of the gaps last longer than the 300 ms without a heartbeat after which a controller counts as lost. A session with
subscriptions outlives its connection (OPC UA Part 4, 6.7), so the server's sessions and subscriptions are counted too.
"""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from interop_line import STATION, Answers, Camera, handles, running, spread_ms, wait_for

from lineproof.core.station import Outcome
from lineproof.line.conduct.inbox import Inbox
from lineproof.signals.opcua.server import OpcUa, open_stations
from lineproof.signals.opcua.settings import OpcUaSettings

CLIENT = Path(__file__).with_name("interop_opcua_client.py")
LOST_S = 0.3  # without a heartbeat: the line file's default
SLACK_S = 0.2  # a silence this close to it may fall on either side: a client takes long to connect
SHORT_S, LONG_S = (0.0, 0.05), (LOST_S + SLACK_S, 0.8)
PART_S, LONG_PART_S = 0.03, 0.6
Line = tuple[int, str, list[str]]  # ns, what, the rest


def missing() -> str:
    """Why there is no client; "" if there is one."""
    return "" if importlib.util.find_spec("asyncua") else "asyncua is not installed (the extra `opcua`)"


class Clients:
    """The process that forks controllers, and what they told."""

    def __init__(self, port: int) -> None:
        self.told: dict[int, list[Line]] = {}
        self._process = subprocess.Popen(
            [sys.executable, CLIENT, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._listen, name="clients")
        self._thread.start()
        self._number = 0

    def begin(self, *parts: str) -> int:
        """Another controller, with parts to trigger; its number."""
        self._number += 1
        self.told[self._number] = []
        self._process.stdin.write(f"{self._number} {' '.join(parts)}\n")
        self._process.stdin.flush()
        return self._number

    def until(self, number: int, what: str, *words: str) -> Line:
        """The first line that says so; raises RuntimeError when the controller failed."""
        wait_for(lambda: self._first(number, "failed") or self._first(number, what, *words), 60, f"{what} {words}")
        failed = self._first(number, "failed")
        if failed is not None:
            raise RuntimeError(f"controller {number}: {' '.join(failed[2])}")
        return self._first(number, what, *words)

    def kill(self, number: int) -> None:
        """SIGKILL."""
        os.kill(int(self.until(number, "connect")[2][0]), signal.SIGKILL)

    def close(self) -> None:
        """No controller after this one."""
        self._process.stdin.close()
        self._process.wait(10)
        self._thread.join(10)
        self._process.stdout.close()

    def _first(self, number: int, what: str, *words: str) -> Line | None:
        lines = list(self.told[number])
        return next((line for line in lines if line[1] == what and set(words) <= set(line[2])), None)

    def _listen(self) -> None:
        for line in self._process.stdout:
            number, ns, what, *rest = line.split()
            self.told[int(number)].append((int(ns), what, rest))


@dataclass
class Tally:
    """Over all disconnects."""

    connected_s: list[float] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    part_under_way: int = 0
    lost_controllers: int = 0
    same_session_after_loss: int = 0
    old_result_in_new_session: int = 0
    sessions: list[int] = field(default_factory=list)
    subscriptions: list[int] = field(default_factory=list)


def disconnects(times: int, folder: Path, port: int, chance: random.Random) -> dict[str, object]:
    """Kill the controller so often; figures."""
    del folder
    inbox, answers, camera, tally = Inbox(), Answers(), Camera(PART_S), Tally()
    settings = OpcUaSettings(endpoint=f"opc.tcp://127.0.0.1:{port}/lineproof")
    clients = Clients(port)  # it imports asyncua while this process builds the address space
    try:
        wire = open_stations(settings, [STATION], inbox.wake)[STATION]
        timeout_ms = 1e3 * LOST_S
        with running({"opcua": wire}, inbox, [answers], camera, commanding="opcua", controller_timeout_ms=timeout_ms):
            number = clients.begin("first")
            clients.until(number, "answered")
            before = handles()
            for cut in range(times):
                number = one_cut(clients, number, f"{cut}", camera, chance, tally)
                count_sessions(wire, tally)
            after = handles()
            clients.kill(number)
            wait_for(lambda: handles()["files"] < after["files"], what="the last connection to be closed")
    finally:
        clients.close()
    return figures(times, tally, answers, clients) | {"handles": [before, after]}


def one_cut(clients: Clients, number: int, cut: str, camera: Camera, chance: random.Random, tally: Tally) -> int:
    """Kill, wait, connect again; the new controller, once its first part is answered."""
    is_long = chance.random() < 0.5
    other = clients.told[number][-1][1] != "answered" or None
    if other:  # it has a second part, which is under way about now
        tally.part_under_way += 1
    time.sleep(chance.uniform(0, PART_S))
    clients.kill(number)
    cut_s, old = time.monotonic(), session_of(clients, number)
    time.sleep(chance.uniform(*(LONG_S if is_long else SHORT_S)))
    camera.pause_s = PART_S
    silent_s = time.monotonic() - cut_s
    with_part = chance.random() < 0.5
    number = clients.begin(f"a{cut}", *([f"b{cut}"] if with_part else []))
    connect_ns = clients.until(number, "connect")[0]
    tally.connected_s.append((clients.until(number, "connected")[0] - connect_ns) / 1e9)
    tally.ready_s.append((clients.until(number, "ready")[0] - connect_ns) / 1e9)
    clients.until(number, "result", f"a{cut}")
    if silent_s > LOST_S + SLACK_S:
        lost(clients, number, old, tally)
    if with_part and is_long:
        camera.pause_s = LONG_PART_S
    clients.until(number, "triggered", f"b{cut}") if with_part else clients.until(number, "answered")
    return number


def lost(clients: Clients, number: int, old: str, tally: Tally) -> None:
    """A controller that was silent for too long has a successor: what was that one shown?"""
    results = [rest for _, what, rest in list(clients.told[number]) if what == "result"]
    tally.lost_controllers += 1
    tally.same_session_after_loss += results[0][0] == old
    tally.old_result_in_new_session += not results[0][2].startswith("a")


def session_of(clients: Clients, number: int) -> str:
    """As its last result says."""
    return next(rest[0] for _, what, rest in reversed(clients.told[number]) if what == "result")


def count_sessions(wire: OpcUa, tally: Tally) -> None:
    """What the server holds for clients, living and gone."""
    server = wire._server._nodes._server.iserver  # there is no public way to it
    tally.sessions.append(len(server._external_sessions))
    tally.subscriptions.append(len(server.subscription_service.subscriptions))


def figures(times: int, tally: Tally, answers: Answers, clients: Clients) -> dict[str, object]:
    """For the report."""
    lines = [line for told in clients.told.values() for line in told]
    triggered = {int(rest[0]) for _, what, rest in lines if what == "triggered"}
    answered = {row.key[1] for row in answers.rows}
    passes = {(int(rest[0]), int(rest[1])) for _, what, rest in lines if what == "result" and rest[3] == "PASS"}
    return {
        "peer": "asyncua's client",
        "disconnects": times,
        "part_under_way": tally.part_under_way,
        "controller_lost": tally.lost_controllers,
        "connect_to_session_ms": spread_ms(tally.connected_s),
        "connect_to_ready_ms": spread_ms(tally.ready_s),
        "triggers_confirmed": len(triggered),
        "counted_as_lost_while_there": sum(what == "unread" for _, what, _ in lines),
        **answers.figures(),
        "triggers_without_answer": len(triggered - answered),
        "pass_read_that_was_none": len(
            passes - {row.key for row in answers.rows if row.outcome is Outcome.PASS and row.is_good}
        ),
        "same_session_after_loss": tally.same_session_after_loss,
        "old_result_in_new_session": tally.old_result_in_new_session,
        "sessions_most": max(tally.sessions),
        "subscriptions_most": max(tally.subscriptions),
    }
