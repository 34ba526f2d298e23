from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.server.requesthandler import ServerRequestHandler

from lineproof.core.station import (
    Acknowledged,
    Alive,
    Enabled,
    Halted,
    Outcome,
    PartResult,
    State,
    StationView,
    Triggered,
)
from lineproof.errors import SignalError
from lineproof.settings import parse_settings
from lineproof.signals import modbus_tcp
from lineproof.signals.io_map import IoMap
from lineproof.signals.modbus_tcp import ModbusServer
from lineproof.signals.registers.decode import decode, is_pass, read_block
from lineproof.signals.registers.image import ControllerImage, holding_words, input_words
from loopback import free_port

SESSION = 0xC0FFEE


def io_map(**changes: object) -> IoMap:
    return parse_settings({"port": free_port(), **changes}, IoMap, "test")


def view(seq: int = 0, outcome: Outcome = Outcome.PASS, **facts: object) -> StationView:
    result = PartResult(SESSION, seq, f"part-{seq}", outcome) if seq else None
    return StationView(SESSION, State.READY, result, **facts)


@pytest.fixture
def server():
    server = ModbusServer(io_map())
    yield server
    server.close()


@pytest.fixture
def wire(server):
    return server.stations["main"]


@pytest.fixture
def client(server):
    host, port = server.address.split(":")
    with ModbusTcpClient(host, port=int(port), timeout=3, retries=0) as client:
        yield client


def block(client: ModbusTcpClient, unit: int = 1, at: int = 0) -> list[int]:
    return client.read_input_registers(at, count=44, device_id=unit).registers


def ask(client: ModbusTcpClient, unit: int = 1, at: int = 0, **wishes: object):
    return client.write_registers(at, list(holding_words(ControllerImage(**wishes))), device_id=unit)


def test_at_rest_everything_reads_0(client):
    assert block(client) == [0] * 44
    assert client.read_holding_registers(0, count=32, device_id=1).registers == [0] * 32
    assert decode(block(client)) is None


def test_a_view_is_on_the_wire_when_show_returns(client, wire):
    wire.show(view(7, heartbeat=3))
    words = block(client)
    assert tuple(words) == input_words(view(7, heartbeat=3))
    assert is_pass(words, seq=7, session=SESSION)


def test_a_write_of_the_whole_block_arrives_as_commands_in_order(client, wire):
    ask(client, heartbeat=1, enable=True)
    ask(client, heartbeat=2, enable=True, trigger=True, trigger_seq=8, part_id="ring-8", recipe=2, deadline_ms=90)
    ask(client, heartbeat=2, enable=True, ack=True, trigger_seq=8, recipe=2)
    *_, trigger, ack = commands = wire.commands()
    assert [type(command).__name__ for command in commands[:3]] == ["Alive", "Enabled", "Alive"]
    assert trigger == Triggered(8, "ring-8", 2, 90)
    assert ack == Acknowledged(8)
    assert wire.commands() == []


def test_single_registers_build_up_to_a_trigger(client, wire):
    for at, value in ((0, 1), (2, 0), (3, 9), (4, 0x4142), (0, 3)):
        assert not client.write_register(at, value, device_id=1).isError()
    assert wire.commands() == [Enabled(on=True), Triggered(9, "AB")]


@pytest.mark.parametrize("first", [[(0, 3)], [(3, 9), (0, 3)], [(4, 0x4142), (3, 9), (0, 7)]])
def test_a_trigger_that_stands_at_the_start_is_none(client, wire, first):
    for at, value in first:
        client.write_register(at, value, device_id=1)
    assert wire.commands() == [Enabled(on=True)]
    client.write_register(0, 1, device_id=1)
    client.write_registers(2, [0, 10], device_id=1)
    client.write_register(0, 3, device_id=1)
    assert wire.commands()[-1].seq == 10


def test_what_was_written_can_be_read_back(client):
    ask(client, trigger_seq=0x12345678, part_id="ring-8")
    words = client.read_holding_registers(0, count=32, device_id=1).registers
    assert tuple(words) == holding_words(ControllerImage(trigger_seq=0x12345678, part_id="ring-8"))


def test_masked_and_combined_writes_are_writes_too(client, wire):
    client.write_register(0, 1, device_id=1)
    client.mask_write_register(address=0, and_mask=0xFFFF ^ 16, or_mask=16, device_id=1)
    answer = client.readwrite_registers(read_address=0, read_count=2, write_address=1, values=[5], device_id=1)
    assert wire.commands() == [Enabled(on=True), Halted(on=True), Alive()]
    assert answer.registers == [17, 5]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: c.read_input_registers(40, count=5, device_id=1), 2),
        (lambda c: c.read_input_registers(44, count=1, device_id=1), 2),
        (lambda c: c.read_holding_registers(31, count=2, device_id=1), 2),
        (lambda c: c.write_registers(30, [1, 2, 3], device_id=1), 2),
        (lambda c: c.read_coils(0, count=1, device_id=1), 1),
        (lambda c: c.write_coil(0, value=True, device_id=1), 1),
        (lambda c: c.read_discrete_inputs(0, count=1, device_id=1), 1),
        (lambda c: c.read_input_registers(0, count=44, device_id=2), 11),
        (lambda c: c.write_register(0, 1, device_id=0), 11),
    ],
)
def test_what_is_not_there_is_refused(client, wire, call, code):
    assert call(client).exception_code == code
    assert wire.commands() == []
    assert not client.read_input_registers(0, count=44, device_id=1).isError()


def test_a_loop_that_does_not_listen_makes_writes_fail(client, wire):
    answers = [client.write_register(0, number % 2, device_id=1).isError() for number in range(80)]
    assert answers.index(True) >= modbus_tcp.QUEUED
    assert all(answers[answers.index(True) :])
    held = client.read_holding_registers(0, count=1, device_id=1).registers[0]
    last = wire.commands()[-1]
    assert last == Enabled(on=bool(held))  # what was refused has changed nothing
    assert not client.write_register(1, 1, device_id=1).isError()


def test_heartbeats_alone_never_fill_the_queue(client, wire):
    for beat in range(200):
        assert not client.write_register(1, beat + 1, device_id=1).isError()
        client.write_register(0, 1, device_id=1)
    assert wire.commands() == [Alive(), Enabled(on=True), Alive()]


def test_low_word_first(client):
    with_little = ModbusServer(io_map(word_order="little"))
    wire = with_little.stations["main"]
    wire.show(view(0x10002))
    host, port = with_little.address.split(":")
    with ModbusTcpClient(host, port=int(port)) as client:
        words = block(client)
        assert words[4:6] == [2, 1]
        assert is_pass(words, seq=0x10002, session=SESSION, order="little")
        assert decode(words) is None
        client.write_registers(0, [0], device_id=1)
        client.write_registers(
            0, list(holding_words(ControllerImage(trigger=True, trigger_seq=1), "little")), device_id=1
        )
        assert wire.commands() == [Triggered(1)]
    wire.close()


def test_several_stations_on_one_server():
    stations = {"left": {}, "right": {"input_offset": 100, "holding_offset": 100}, "top": {"unit": 2}}
    server = ModbusServer(io_map(stations=stations))
    left, right, top = (server.stations[name] for name in stations)
    host, port = server.address.split(":")
    with ModbusTcpClient(host, port=int(port)) as client:
        right.show(view(3))
        assert block(client) == [0] * 44
        assert is_pass(block(client, at=100), seq=3, session=SESSION)
        assert block(client, unit=2) == [0] * 44
        ask(client, at=100, heartbeat=1)
        assert (left.commands(), right.commands(), top.commands()) == ([], [Alive()], [])
        assert client.write_registers(90, [0] * 20, device_id=1).exception_code == 2
        assert client.read_input_registers(60, count=2, device_id=1).exception_code == 2
        right.close()
        assert block(client, at=100) == [0] * 44
        assert ask(client, at=100, heartbeat=2).exception_code == 6
        assert server.up
        left.close()
        top.close()
        assert not server.up
    with pytest.raises(OSError):
        socket.create_connection((host, int(port)), 1)


def test_after_close_the_wire_says_so(server, wire, client):
    wire.show(view(7))
    assert is_pass(block(client), seq=7, session=SESSION)
    wire.close()
    wire.close()
    server.close()
    for call in (lambda: wire.show(view(7)), wire.commands):
        with pytest.raises(SignalError, match=r"Modbus TCP 127\.0\.0\.1:\d+ is down: it was closed"):
            call()
    assert wire.input_block == (0,) * 44


def test_a_closed_port_can_be_taken_again_at_once():
    io = io_map()
    for _ in range(3):
        server = ModbusServer(io)
        with ModbusTcpClient("127.0.0.1", port=io.port) as client:
            assert block(client) == [0] * 44
            server.close()


def test_a_port_that_is_taken_is_refused_in_one_line(server):
    port = int(server.address.split(":")[1])
    with pytest.raises(SignalError, match=r"cannot listen on 127.0.0.1:\d+: Address already in use – another process"):
        ModbusServer(io_map(port=port))


def test_a_port_of_another_process_is_refused():
    listen = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        port = int(other.stdout.readline())
        with pytest.raises(SignalError, match="another process has the port: end it, or choose another `port`"):
            ModbusServer(io_map(port=port))


def test_a_port_that_is_lost_at_the_last_moment_is_refused_too(server, monkeypatch):
    monkeypatch.setattr(modbus_tcp, "_require_free", lambda *_: None)
    with pytest.raises(SignalError, match=r"cannot listen on 127.0.0.1:\d+: Could not start listen"):
        ModbusServer(io_map(port=int(server.address.split(":")[1])))


def test_a_server_that_dies_is_a_signal_error_and_cuts_its_connections(monkeypatch):
    monkeypatch.setattr(modbus_tcp, "SWEEP_S", 0.05)
    server = ModbusServer(io_map())
    wire = server.stations["main"]
    wire.show(view(7))
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), 5) as plc:

        def dies(*_: object) -> None:
            raise OSError("no more handles")

        monkeypatch.setattr(modbus_tcp, "_drop_surplus", dies)
        try:
            while plc.recv(300) != b"":
                pass
        except ConnectionResetError:  # cut is cut
            pass
    server._thread.join(5)
    for call in (lambda: wire.show(view(8)), wire.commands):
        with pytest.raises(SignalError, match=r"127.0.0.1:\d+ is down: no more handles"):
            call()
    wire.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_here(host):
    with pytest.raises(SignalError, match="`host` must be an address of this machine"):
        ModbusServer(io_map(host=host))


def test_a_hundred_reconnects(server, wire):
    host, port = server.address.split(":")
    before = threading.active_count()
    for seq in range(1, 101):
        wire.show(view(seq))
        with ModbusTcpClient(host, port=int(port), timeout=3) as client:
            assert is_pass(block(client), seq=seq, session=SESSION)
    assert threading.active_count() == before
    assert server.up


def test_a_client_that_sends_rubbish_hurts_nobody(server, client, wire):
    host, port = server.address.split(":")
    wire.show(view(1))
    frames = (b"\xff" * 300, b"GET / HTTP/1.1\r\n\r\n", struct.pack(">HHHBB", 1, 0, 2, 1, 99), b"\0\1\0\0\0\6\1")
    for frame in frames:
        with socket.create_connection((host, int(port)), 1) as rude:
            rude.sendall(frame)
            assert is_pass(block(client), seq=1, session=SESSION)
    assert wire.commands() == []


def test_surplus_idle_connections_are_dropped_and_the_busy_one_stays(monkeypatch):
    monkeypatch.setattr(modbus_tcp, "CONNECTIONS", 3)
    monkeypatch.setattr(modbus_tcp, "SWEEP_S", 0.05)
    server = ModbusServer(io_map())
    host, port = server.address.split(":")
    with ModbusTcpClient(host, port=int(port)) as busy:
        idle = [socket.create_connection((host, int(port)), 2) for _ in range(6)]
        gone = 0
        until = time.monotonic() + 5
        while gone < 4 and time.monotonic() < until:
            assert block(busy) == [0] * 44
            gone = sum(_hung_up(one) for one in idle)
        assert gone == 4
        for one in idle:
            one.close()
    server.close()


def _hung_up(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system sets no keep-alive times")
def test_a_controller_without_power_is_noticed(monkeypatch):
    accepted = []
    monkeypatch.setattr(ServerRequestHandler, "callback_connected", lambda handler: accepted.append(handler.transport))
    server = ModbusServer(io_map())
    host, port = server.address.split(":")
    with ModbusTcpClient(host, port=int(port)) as client:
        block(client)
        (transport,) = accepted
        ours = transport.get_extra_info("socket")
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == modbus_tcp.KEEPALIVE["TCP_KEEPIDLE"]
    server.close()


def test_a_fast_reader_never_sees_half_a_view(server, wire):
    """2,000 views, each of another sequence number and outcome, while a reader polls as fast as it can."""
    host, port = server.address.split(":")
    outcomes = list(Outcome)
    done = threading.Event()
    torn, seen = [], set()

    def poll() -> None:
        with ModbusTcpClient(host, port=int(port)) as client:
            while not done.is_set():
                words = block(client)
                if words == [0] * 44:
                    continue
                whole = read_block(words)
                if (
                    whole is None
                    or whole.reading is None
                    or outcomes[whole.reading.seq % 5] is not whole.reading.outcome
                ):
                    torn.append(words)
                else:
                    seen.add(whole.reading.seq)

    reader = threading.Thread(target=poll)
    reader.start()
    for seq in range(1, 2001):
        wire.show(view(seq, outcomes[seq % 5], heartbeat=seq))
        if seq % 4 == 0:
            time.sleep(0.0005)
    while 2000 not in seen and not torn:
        time.sleep(0.001)
    done.set()
    reader.join()
    assert torn == []
    assert len(seen) > 50


needs_mbpoll = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed (Debian: mbpoll)")


def mbpoll(server: ModbusServer, *arguments: str) -> str:
    host, port = server.address.split(":")
    command = ["mbpoll", "-m", "tcp", "-p", port, "-0", "-1", "-a", "1", *arguments[:-1], host, *arguments[-1].split()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


@needs_mbpoll
def test_an_independent_client_reads_the_block(server, wire):
    wire.show(view(0x10007, heartbeat=9))
    shown = mbpoll(server, "-t", "3:hex", "-r", "0", "-c", "44", "")
    words = [int(word, 16) for word in re.findall(r"^\[\d+\]:\s+0x([0-9A-F]{4})", shown, re.MULTILINE)]
    assert tuple(words) == input_words(view(0x10007, heartbeat=9))
    assert re.search(r"^\[4\]:\s+65543$", mbpoll(server, "-t", "3:int", "-B", "-r", "4", "-c", "1", ""), re.MULTILINE)


@needs_mbpoll
def test_an_independent_client_triggers(server, wire):
    mbpoll(server, "-t", "4", "-r", "0", "1")
    words = holding_words(ControllerImage(enable=True, trigger=True, trigger_seq=70000, part_id="ring-8"))
    mbpoll(server, "-t", "4", "-r", "0", " ".join(str(word) for word in words))
    assert wire.commands() == [Enabled(on=True), Triggered(70000, "ring-8")]
