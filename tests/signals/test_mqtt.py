"""Against real brokers: nothing lost, nothing new twice, never online when it is not, and no command that harms."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lineproof.core.station import Acknowledged, Alive, Outcome, Triggered
from lineproof.errors import SettingsError, SignalError
from lineproof.settings import parse_settings
from lineproof.signals.mqtt import Mqtt
from lineproof.signals.mqtt_link import MqttLink
from lineproof.signals.mqtt_settings import MqttSettings
from mqtt_rig import (
    TOPIC,
    WHERE,
    Amqtt,
    Mosquitto,
    Subscriber,
    free_port,
    mosquitto_program,
    result,
    retained,
    station,
    validator,
    view,
)
from mqtt_rig import wait_for as until

STATE, RESULT, ERROR = validator("state"), validator("result"), validator("error")


# amqtt leaves connections open when it stops; leaks of ours show beside Mosquitto.
LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=[Mosquitto, pytest.param(Amqtt, marks=LEAKS)])
def broker(request, tmp_path):
    each = request.param(tmp_path / "broker")
    each.start()
    yield each
    each.stop()


@pytest.fixture
def mosquitto(tmp_path):
    each = Mosquitto(tmp_path / "broker")
    each.start()
    yield each
    each.stop()


def connected(wire: Mqtt) -> Mqtt:
    until(lambda: wire.health().connected)
    return wire


# What is published


def test_results_and_states_arrive_and_are_valid(broker):
    mes = Subscriber(broker.port, TOPIC + "#")
    with station(broker.port) as wire:
        connected(wire)
        for seq in range(1, 31):
            wire.show(view(heartbeat=3 * seq))
            wire.show(view(seq, heartbeat=3 * seq + 1))
            wire.show(view(seq, heartbeat=3 * seq + 2))  # shown again: not a new result
        until(lambda: len(mes.bodies("result")) == 30)
        until(lambda: wire.health().store.waiting_results == 0)
        assert retained(broker.port)["result"]["seq"] == 30
    until(lambda: mes.bodies("state")[-1]["status"] == "offline")
    mes.close()
    for body in mes.bodies("state"):
        STATE.validate(body)
    for seq, body in enumerate(mes.bodies("result"), 1):
        RESULT.validate(body)
        assert (body["station"], body["seq"], body["is_historical"]) == ("plant/line/station", seq, False)
    assert retained(broker.port)["status"] == "offline"


def test_before_the_first_view_and_after_close_the_state_is_offline(broker):
    with station(broker.port) as wire:
        connected(wire)
        assert retained(broker.port)["status"] == "offline"
        wire.show(view())
        until(lambda: wire.health().published)
        assert retained(broker.port)["status"] == "online"
    assert retained(broker.port)["status"] == "offline"
    for call in (lambda: wire.show(view()), wire.commands):
        with pytest.raises(SignalError, match="the wire is closed"):
            call()
    wire.close()


def test_a_heartbeat_alone_is_published_now_and_then(broker):
    mes = Subscriber(broker.port, TOPIC + "state")
    with station(broker.port, state_every_ms=100) as wire:
        connected(wire)
        begin_s = time.monotonic()
        for heartbeat in range(1000):
            wire.show(view(heartbeat=heartbeat))
            time.sleep(0.001)
        took_s = time.monotonic() - begin_s
        until(lambda: 999 in [body["heartbeat"] for body in mes.bodies()])
        assert len(mes.bodies()) <= took_s / 0.1 + 4
    mes.close()


def test_a_decision_loop_that_hangs_is_taken_back(broker):
    with station(broker.port, silent_ms=150) as wire:
        connected(wire)
        wire.show(view(1))
        until(lambda: wire.health().published)
        until(lambda: retained(broker.port)["status"] == "offline")
        assert wire.health().connected
        wire.show(view(2))
        until(lambda: wire.health().published >= 4)


# The last will

CHILD = """
import sys, time
from mqtt_rig import station, view
with station(int(sys.argv[1])) as wire:
    heartbeat = 0
    while True:
        heartbeat += 1
        wire.show(view(1, heartbeat=heartbeat))
        if wire.health().published >= 2:
            print("up", flush=True)
        time.sleep(0.01)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_station_is_offline(broker):
    tests = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(tests), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(broker.port)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    assert retained(broker.port)["ready"] is True
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    until(lambda: retained(broker.port)["status"] == "offline")
    STATE.validate(retained(broker.port))


def test_a_connection_that_fails_does_not_say_goodbye(mosquitto, monkeypatch):
    """A polite disconnect would take the last will with it, and the broker would go on showing READY."""

    async def fail(self, client, handed):
        from aiomqtt import MqttError

        raise MqttError("made to fail")

    mes = Subscriber(mosquitto.port, TOPIC + "state")
    with station(mosquitto.port) as wire:
        connected(wire)
        wire.show(view())
        until(lambda: "online" in [body["status"] for body in mes.bodies()])
        seen = len(mes.bodies())
        monkeypatch.setattr(MqttLink, "_send_one", fail)
        wire.show(view(1))
        until(lambda: "offline" in [body["status"] for body in mes.bodies()[seen:]])
        assert wire.health().last_error == "made to fail"
    mes.close()


# A broker that is away


def test_a_broker_that_is_not_there_costs_no_time():
    with station(free_port()) as wire:
        took_s = []
        for seq in range(1, 301):
            begin_s = time.perf_counter()
            wire.show(view(seq, heartbeat=seq))
            took_s.append(time.perf_counter() - begin_s)
        assert sorted(took_s)[150] < 0.002
        with pytest.raises(SignalError, match=r"mqtt: 127\.0\.0\.1:\d+: .* – check that the broker runs"):
            wire.commands()
        assert wire.health().store.waiting_results == 300


def test_overflow_is_counted_exactly(mosquitto):
    mes = Subscriber(mosquitto.port, TOPIC + "result")
    mosquitto.stop()
    with station(mosquitto.port, store={"messages": 100}) as wire:
        for seq in range(1, 251):
            wire.show(view())
            wire.show(view(seq))
        health = wire.health().store
        assert (health.dropped_results, health.waiting_results, health.waiting_states) == (150, 100, 0)
        assert health.dropped_states == 500  # each view is a change of state
        mosquitto.start()
        until(lambda: len(mes.bodies()) == 100)
        until(lambda: wire.health().store.waiting_results == 0)
        assert wire.health().store.dropped_results == 150
    mes.close()
    assert [body["seq"] for body in mes.bodies()] == list(range(151, 251))
    assert all(body["is_historical"] for body in mes.bodies())


def test_twenty_restarts_of_the_broker_lose_nothing_and_nothing_comes_twice_as_new(mosquitto):
    mes = Subscriber(mosquitto.port, TOPIC + "result")
    over = threading.Event()
    shown = []

    def produce(wire: Mqtt) -> None:
        while not over.is_set():
            shown.append(len(shown) + 1)
            wire.show(view(shown[-1]))
            time.sleep(0.005)

    with station(mosquitto.port) as wire:
        connected(wire)
        producer = threading.Thread(target=produce, args=(wire,))
        producer.start()
        for turn in range(1, 21):
            mosquitto.stop()
            mosquitto.start()
            until(lambda turn=turn: wire.health().connections > turn)
            until(lambda: wire.health().store.waiting_results < 3)
        over.set()
        producer.join()
        until(lambda: wire.health().store.waiting_results == 0)
        until(lambda: shown[-1] in [body["seq"] for body in mes.bodies()])
        assert wire.health().store.dropped_results == 0
    mes.close()
    bodies = [{**body, "dup": message.dup} for body, message in zip(mes.bodies(), mes.received, strict=True)]
    assert {(body["session"], body["seq"]) for body in bodies} == {(7, seq) for seq in shown}
    # A copy is the same result and says that it may be one: we by is_historical, a broker by the flag DUP.
    first: dict[int, dict] = {}
    for body in bodies:
        dup = body.pop("dup")
        RESULT.validate(body)
        known = first.setdefault(body["seq"], body)
        assert {**known, "is_historical": True} == {**body, "is_historical": True}
        assert known is body or body["is_historical"] or dup
    assert any(not body["is_historical"] for body in bodies)


def test_results_of_a_killed_station_come_with_the_next(mosquitto, tmp_path):
    mes = Subscriber(mosquitto.port, TOPIC + "result")
    mosquitto.stop()
    with station(mosquitto.port, store={"folder": tmp_path / "store"}) as wire:
        for seq in range(1, 21):
            wire.show(view(seq))
    mosquitto.start()
    with station(mosquitto.port, store={"folder": tmp_path / "store"}) as wire:
        wire.show(view(1, session=8))
        until(lambda: len(mes.bodies()) == 21)
    mes.close()
    keys = [(body["session"], body["seq"]) for body in mes.bodies()]
    assert keys == [*((7, seq) for seq in range(1, 21)), (8, 1)]
    assert [body["is_historical"] for body in mes.bodies()][:20] == [True] * 20


def test_states_of_an_outage_come_as_history_and_are_not_retained(mosquitto):
    mes = Subscriber(mosquitto.port, TOPIC + "state")
    with station(mosquitto.port, state_every_ms=500) as wire:
        connected(wire)
        mosquitto.stop()
        until(lambda: not wire.health().connected)
        wire.show(view(fault_code=17, ready=False))
        wire.show(view())
        mosquitto.start()
        connected(wire)
        until(lambda: 17 in [body["fault_code"] for body in mes.bodies()])
        until(lambda: wire.health().store.waiting_states == 0)
        assert (retained(mosquitto.port)["fault_code"], retained(mosquitto.port)["is_historical"]) == (None, False)
    mes.close()
    assert [body["is_historical"] for body in mes.bodies() if body["fault_code"] == 17] == [True]


# Commands


def test_commands_come_in_order(broker):
    controller = Subscriber(broker.port, TOPIC + "error", "controller")
    with station(broker.port) as wire:
        connected(wire)
        wire.show(view())
        controller.publish("controller", {"heartbeat": 1})
        controller.publish("controller", {"heartbeat": 2})
        controller.publish("trigger", {"seq": 1, "part_id": "A-1"})
        controller.publish("ack", {"session": 7, "seq": 1})
        got = []
        until(lambda: got.extend(wire.commands()) or len(got) == 3)
        assert got == [Alive(), Triggered(1, "A-1"), Acknowledged(1)]
        assert wire.health().refused == 0
    controller.close()


def test_bad_commands_are_counted_answered_and_harmless(broker):
    import random

    chance = random.Random(1)
    fuzz = [chance.randbytes(chance.randrange(60)) for _ in range(60)]
    fuzz += [b'{"seq":' + chance.randbytes(3) + b"}" for _ in range(20)]
    fuzz += [
        b"[" * 3000,
        b"{}" * 4000,
        b'{"seq":-1}',
        b'{"seq":1e999}',
        b'{"session":6,"seq":1}',
        b"null",
        b'"\\ud800"',
    ]
    fuzz += [b'{"seq":1,"seq":' + b"9" * 4000 + b"}"]
    controller = Subscriber(broker.port, TOPIC + "error", "controller")
    with station(broker.port) as wire:
        connected(wire)
        wire.show(view())
        for number, payload in enumerate(fuzz):
            controller.publish(("trigger", "ack", "controller")[number % 3], payload)
        until(lambda: wire.health().refused == len(fuzz))
        until(lambda: len(controller.bodies()) == len(fuzz))
        assert wire.commands() == ()
        controller.publish("trigger", {"seq": 5})
        until(lambda: wire.commands() == (Triggered(5),))
        assert wire.health().connections == 1
    controller.close()
    for body in controller.bodies():
        ERROR.validate(body)


def test_a_retained_trigger_is_no_part(mosquitto):
    controller = Subscriber(mosquitto.port, TOPIC + "error", "controller")
    controller.publish("trigger", {"seq": 5}, retain=True)
    with station(mosquitto.port) as wire:
        connected(wire)
        until(controller.bodies)
        assert wire.commands() == ()
        assert controller.bodies()[0]["error"].startswith("retained: ")
    controller.close()


def test_a_trigger_of_an_outage_does_not_come_later(mosquitto):
    controller = Subscriber(mosquitto.port, TOPIC + "error", "controller")
    with station(mosquitto.port) as wire:
        connected(wire)
    controller.publish("trigger", {"seq": 5})
    with station(mosquitto.port) as wire:
        connected(wire)
        time.sleep(0.2)
        assert wire.commands() == ()
    controller.close()


# Access


@pytest.mark.skipif(mosquitto_program() is None, reason="mosquitto is not installed (Debian package `mosquitto`)")
def test_user_and_password_come_from_a_file(tmp_path):
    (tmp_path / "passwords").write_text("")
    subprocess.run(["mosquitto_passwd", "-b", tmp_path / "passwords", "press", "s3:cret"], check=True)
    (tmp_path / "passwords").chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", f"allow_anonymous false\npassword_file {tmp_path}/passwords")
    broker.start()
    (tmp_path / "good").write_text("press:s3:cret\n")
    (tmp_path / "bad").write_text("press:wrong\n")
    try:
        with station(broker.port, credentials_file=tmp_path / "good") as wire:
            connected(wire)
        with station(broker.port, credentials_file=tmp_path / "bad") as wire:
            until(lambda: wire.health().last_error)
            with pytest.raises(SignalError, match=r"(?i)not authorized|bad user") as caught:
                wire.commands()
            assert "wrong" not in str(caught.value)
    finally:
        broker.stop()


def certificate(folder: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*make, *files, "-days", "2", *subject], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o644)


def test_tls_checks_certificate_and_name(tmp_path):
    try:
        certificate(tmp_path)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    files = f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\nallow_anonymous true"
    broker = Mosquitto(tmp_path / "broker", files)
    broker.start()
    try:
        with station(broker.port, host="localhost", tls={"ca_file": tmp_path / "cert.pem"}) as wire:
            connected(wire)
            wire.show(view(1))
            until(lambda: wire.health().published >= 2)
        for host, tls in (("127.0.0.1", {"ca_file": tmp_path / "cert.pem"}), ("localhost", {})):
            with station(broker.port, host=host, tls=tls) as wire:
                until(lambda wire=wire: wire.health().last_error)
                with pytest.raises(SignalError, match=r"(?i)certificate verify failed"):
                    wire.commands()
    finally:
        broker.stop()


def test_a_broker_that_takes_no_subscription_is_no_controller(tmp_path):
    (tmp_path / "acl").write_text("topic write insp/#\n")
    broker = Mosquitto(tmp_path / "broker", f"allow_anonymous true\nacl_file {tmp_path}/acl")
    broker.start()
    try:
        with station(broker.port) as wire:
            connected(wire)
            wire.show(view(1))
            until(lambda: wire.health().published >= 2)
            if wire._link.refusal:  # Mosquitto 2.0 grants what it will not deliver, later ones say so
                with pytest.raises(SignalError, match="does not let us subscribe to trigger, ack, controller"):
                    wire.commands()
    finally:
        broker.stop()


# A peer that misbehaves


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x05", b"\xff" * 64])
def test_a_server_that_is_no_broker_is_left_alone(answer):
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    sock, _ = server.accept()
                except OSError:
                    return
                held.append(sock)
                if answer:
                    sock.recv(100)
                    sock.sendall(answer)
                    sock.close()

        thread = threading.Thread(target=serve)
        thread.start()
        before = len([*Path("/proc/self/fd").iterdir()]) if sys.platform == "linux" else 0
        with station(server.getsockname()[1], timeout_ms=100) as wire:
            until(lambda: len(held) >= 3)
            wire.show(view(1))
            assert wire._link.alive
            assert not wire.health().connected
        for sock in held:
            sock.close()
        if sys.platform == "linux":
            assert len([*Path("/proc/self/fd").iterdir()]) <= before
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_thread_that_died_is_an_error_at_once(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(MqttLink, "_new_client", lambda _: {}["a mistake of ours"])
    with station(free_port()) as wire:
        until(lambda: not wire._link.alive)
        for call in (lambda: wire.show(view(1)), wire.commands):
            with pytest.raises(SignalError, match="the thread of the wire has died – see the log"):
                call()


# Settings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"site": "a/b"}, "site: String should match"),
        ({"station": "#"}, "station: String should match"),
        ({"host": "bro ker"}, "host: String should match"),
        ({"port": 0}, "port: "),
        ({"password": "x"}, "password: unknown key"),
        ({"store": {"messages": 5}}, r"store\.messages: "),
    ],
)
def test_bad_settings_are_told(change, says):
    with pytest.raises(SettingsError, match=says):
        parse_settings({**WHERE, **change}, MqttSettings, "line.yaml: mqtt")


@pytest.mark.parametrize("text", [None, b"", b"user", b"user:", b":x", b"\xff\xfe:x"])
def test_credentials_that_are_none_are_never_quoted(tmp_path, text):
    path = tmp_path / "secret"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SettingsError, match=r"mqtt\.credentials_file: secret (cannot be read|is not one line)"):
        Mqtt(MqttSettings(**WHERE, credentials_file="secret"), beside=tmp_path)


def test_certificates_that_are_none(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"mqtt\.tls: .* – ca_file, cert_file and key_file are PEM files"):
        Mqtt(MqttSettings(**WHERE, tls={"ca_file": "ca.pem"}), beside=tmp_path)


def test_outcomes_that_are_no_pass_never_read_as_one(broker):
    mes = Subscriber(broker.port, TOPIC + "#")
    with station(broker.port) as wire:
        connected(wire)
        for seq, outcome in enumerate(Outcome, 1):
            wire.show(view(result=result(seq, outcome=outcome)))
        until(lambda: len(mes.bodies("result")) == len(Outcome))
    mes.close()
    passed = [body["seq"] for body in mes.bodies("result") if body["decision"] == "PASS"]
    assert passed == [1 + list(Outcome).index(Outcome.PASS)]
    shown = [body["result"] for body in mes.bodies("state") if body["result"]]
    assert {body["seq"] for body in shown if body["decision"] == "PASS"} == set(passed)
    assert json.loads(mes.received[-1].payload)["result"] is None
