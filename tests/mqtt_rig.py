"""Real brokers on free ports, a subscriber that forgets nothing, and views to publish."""

from __future__ import annotations

import asyncio
import gc
import getpass
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.core.verdict import Reason
from lineproof.signals.mqtt import Mqtt
from lineproof.signals.mqtt_settings import MqttSettings
from loopback import free_port

TOPIC = "insp/plant/line/station/"
WHERE = {"host": "127.0.0.1", "site": "plant", "line": "line", "station": "station"}
SCHEMAS = Path(__file__).resolve().parents[1] / "inspect/lineproof/signals/messages"


def mosquitto_program() -> str | None:
    """Of the Debian package; sbin is in few users' path."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def wait_for(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.002)


class Mosquitto:
    """The broker as a process; sessions and retained messages survive `stop`."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        program = mosquitto_program()
        if program is None:
            pytest.skip("mosquitto is not installed (Debian package `mosquitto`)")
        self.port = free_port()
        self._folder = folder
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{extra}\npersistence true\npersistence_location {folder}/\n"
            f"user {getpass.getuser()}\nmax_queued_messages 0\nlog_dest file {folder}/mosquitto.log\n"
        )

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        wait_for(lambda: accepts(self.port))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Amqtt:
    """The broker of the package amqtt, in a thread of this process."""

    def __init__(self, _folder: Path) -> None:
        self._module = pytest.importorskip("amqtt.broker", reason="amqtt is not installed, or without its websockets")
        self.port = free_port()

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="amqtt")
        self._thread.start()
        assert started.wait(10)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(10)
            gc.collect()  # what it leaves open is found now and not in the middle of the next test

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._over = asyncio.Event()
        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = self._module.Broker(config)
        await broker.start()
        started.set()
        await self._over.wait()
        await broker.shutdown()


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Subscriber:
    """A client of another library with a session of its own that outlives connections and brokers."""

    def __init__(self, port: int, topic: str, name: str = "mes") -> None:
        self.received: list[paho.MQTTMessage] = []
        self.at_s: list[float] = []
        self._topic = topic
        self._subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, clean_session=False)
        self.client.reconnect_delay_set(0.05, 0.2)
        self.client.on_connect = lambda *_: self.client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port, 60)
        self.client.loop_start()
        assert self._subscribed.wait(10)

    def _take(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self.at_s.append(time.monotonic())
        self.received.append(message)

    def bodies(self, topic: str = "") -> list[dict]:
        return [json.loads(message.payload) for message in list(self.received) if message.topic.endswith(topic)]

    def publish(self, topic: str, payload: object, *, retain: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(TOPIC + topic, data, 1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def retained(port: int, topic: str = TOPIC + "state") -> dict:
    """What a client that comes now is shown."""
    client = Subscriber(port, topic, f"asks-{time.monotonic_ns()}")
    try:
        wait_for(lambda: client.received)
        assert client.received[0].retain
        return client.bodies()[0]
    finally:
        client.close()


@contextmanager
def station(port: int, **changes: object) -> Iterator[Mqtt]:
    wire = Mqtt(MqttSettings(port=port, **{**WHERE, "state_every_ms": 50, **changes}))
    try:
        yield wire
    finally:
        wire.close()


def result(seq: int, session: int = 7, outcome: Outcome = Outcome.FAIL, **changes: object) -> PartResult:
    reasons = () if outcome is Outcome.PASS else (Reason("scratch.score", "score 0.91", 0),)
    return PartResult(session, seq, f"part-{seq}", outcome, reasons, **changes)


def view(seq: int | None = None, session: int = 7, **changes: object) -> StationView:
    answer = None if seq is None else result(seq, session)
    return StationView(session, State.READY, **{"result": answer, "ready": True, **changes})


def validator(name: str):
    import jsonschema

    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
