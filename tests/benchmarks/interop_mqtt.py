"""MQTT through a real Mosquitto that is killed and started again, under parts: how soon the state is there, what was lost.

The broker dies by SIGKILL, so it publishes no last will and its port is closed at once. It keeps sessions and queues on
its disk at every change, as an operator sets it up who wants them back after a power cut. Results are read by a client
of another library with a session of its own; as MQTT promises at QoS 1 they may come twice, and each has its key. What
the broker confirmed and then forgot, because it died before its disk had it, is counted apart from what is lost.
"""

from __future__ import annotations

import getpass
import itertools
import json
import random
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from interop_line import (
    STATION,
    WARM_UP,
    Answers,
    Camera,
    Hand,
    Key,
    handles,
    latencies_ms,
    running,
    spread_ms,
    wait_for,
)

from lineproof.core.station import Outcome
from lineproof.line.conduct.inbox import Inbox
from lineproof.signals.mqtt import Mqtt
from lineproof.signals.mqtt_settings import MqttSettings
from lineproof.signals.store_queue import Handed, Kind
from mqtt_rig import TOPIC, WHERE, Subscriber, accepts, mosquitto_program

PERIOD_S = 0.1  # ten parts a second, five messages each: a broker that flushes each to its disk takes some 150 a second
PATIENCE_S = 120.0  # for the backlog at the end
LONG_EVERY = 10
SHORT_DOWN_S, LONG_DOWN_S = 0.05, 1.5
DURABLE = "persistence true\nautosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nmax_inflight_messages 0\nallow_anonymous true"


def missing() -> str:
    """Why there is no broker; "" if there is one."""
    return "" if mosquitto_program() else "Mosquitto is not installed (Debian package `mosquitto`)"


class Broker:
    """A process that dies by SIGKILL."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        user = f"user {getpass.getuser()}"  # else root would become the user `mosquitto`, who may not write here
        lines = (f"listener {port} 127.0.0.1", DURABLE, f"persistence_location {folder}/", user, "log_dest none")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Up when it accepts connections."""
        self._process = subprocess.Popen([mosquitto_program(), "-c", self._config], stderr=subprocess.DEVNULL)
        wait_for(lambda: accepts(self.port), what="mosquitto")

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait(10)


class Mes(Subscriber):
    """Reads results and state, and is back at a restarted broker long before anybody else."""

    def __init__(self, port: int) -> None:
        super().__init__(port, TOPIC + "#", "mes")
        self.client.reconnect_delay_set(0.005, 0.01)

    def online_since(self, begin: int, moment: datetime) -> float | None:
        """When a state came, among messages from number `begin`, that was shown after a moment; monotonic, in s."""
        for at_s, message in zip(self.at_s[begin:], self.received[begin:], strict=False):
            if message.topic.endswith("/state"):
                body = json.loads(message.payload)
                if body["status"] == "online" and datetime.fromisoformat(body["at"]) >= moment:
                    return at_s
        return None


class Confirmed:
    """Results that the broker has confirmed: from then on they are its own."""

    def __init__(self, wire: Mqtt) -> None:
        self.keys: set[Key] = set()
        self._confirm = wire._store.confirm
        wire._store.confirm = self._note

    def _note(self, handed: Handed) -> None:
        if handed.message.kind is Kind.RESULT:
            self.keys.add((handed.message.session, handed.message.seq))
        self._confirm(handed)


def disconnects(times: int, folder: Path, port: int, chance: random.Random) -> dict[str, object]:
    """Kill the broker so often while parts are answered; figures."""
    broker = Broker(folder, port)
    broker.start()
    try:
        return _under_parts(times, broker, chance)
    finally:
        broker.kill()


def _under_parts(times: int, broker: Broker, chance: random.Random) -> dict[str, object]:
    inbox, answers, port = Inbox(), Answers(), broker.port
    hand = Hand(PERIOD_S, inbox.wake)
    mes, wire = Mes(port), Mqtt(MqttSettings(port=port, **WHERE))
    confirmed = Confirmed(wire)
    linked_s, online_s = [], []
    wires = {"hand": hand, "mqtt": wire}
    with running(wires, inbox, [answers], Camera(), commanding="hand") as conductor:
        hand.start()
        wait_for(lambda: len(answers.rows) >= max(times, 3 * WARM_UP), 60 + times, "parts before the first disconnect")
        undisturbed, before = len(answers.rows), handles()
        for number in range(1, times + 1):
            time.sleep(chance.uniform(0, 0.2))
            linked, known = wire.health().connections, len(mes.received)
            broker.kill()
            time.sleep(chance.uniform(0, LONG_DOWN_S if number % LONG_EVERY == 0 else SHORT_DOWN_S))
            broker.start()
            up_s, up = time.monotonic(), now_ms()
            wait_for(lambda linked=linked: wire.health().connections > linked, what="the wire to be back")
            linked_s.append(time.monotonic() - up_s)
            wait_for(lambda known=known, up=up: mes.online_since(known, up), what="the state to be online")
            online_s.append(mes.online_since(known, up) - up_s)
        after = handles()
        hand.stop()
        wait_for(lambda: conductor.posts[STATION].tally.parts == hand.triggers, what="the last answers")
        wait_for(lambda: wire.health().store.waiting_results == 0, PATIENCE_S, "the broker to have every result")
        with suppress(TimeoutError):  # what is missing then is counted
            wait_for(lambda: not wanted(answers) - set(keys(mes)), 10, "every result")
        store = wire.health().store
    mes.close()
    return {
        "peer": "Mosquitto",
        "disconnects": times,
        "broker_up_to_link_ms": spread_ms(linked_s),
        "broker_up_to_state_online_ms": spread_ms(online_s),
        "trigger_to_answer_ms": latencies_ms(answers, undisturbed),
        "triggers": hand.triggers,
        **answers.figures(),
        "results_dropped": store.dropped_results,
        **delivered(mes, answers, confirmed),
        "handles": [before, after],
    }


def now_ms() -> datetime:
    """UTC to the millisecond below, as messages carry it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def wanted(answers: Answers) -> set[Key]:
    """Results that were shown: all but those MISSED beside a part under way, whose place they must not take."""
    return {row.key for row in answers.rows if row.outcome is not Outcome.MISSED}


def keys(mes: Mes) -> list[Key]:
    """Of every result that came, copies too, in order."""
    return [(body["session"], body["seq"]) for body in mes.bodies("/result")]


def delivered(mes: Mes, answers: Answers, confirmed: Confirmed) -> dict[str, object]:
    """What became of each result; a copy has the key of its original, whatever it is marked as."""
    came = keys(mes)
    first = list(dict.fromkeys(came))
    told = {(body["session"], body["seq"]): body["outcome"] for body in mes.bodies("/result")}
    missed = wanted(answers) - set(first)
    true = {row.key: row.outcome.value for row in answers.rows}
    return {
        "results_lost": len(missed - confirmed.keys),
        "results_confirmed_and_forgotten": len(missed & confirmed.keys),
        "results_unknown": len(set(first) - set(true)),
        "results_changed": sum(told[key] != true.get(key) for key in told),
        "results_out_of_order": sum(a > b for a, b in itertools.pairwise(first)),
        "copies_by_key": len(came) - len(first),
    }
