"""The controller's end of the wire against the real server."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from lineproof.core.station import Acknowledged, Enabled, Outcome, PartResult, State, StationView, Triggered
from lineproof.signals.io_map import IoMap, StationPlace
from lineproof.signals.modbus_tcp import ModbusServer
from lineproof.signals.registers.decode import is_pass, read_block
from lineproof.signals.registers.image import ControllerImage, input_words
from lineproof.sim.live import client
from lineproof.sim.live.client import Link, in_big_order
from loopback import free_port

PLACE = StationPlace(unit=3, input_offset=200, holding_offset=50)


@pytest.fixture(params=["big", "little"])
def wired(request):
    """A server with one station, and a link to it."""
    port = free_port()
    server = ModbusServer(IoMap(port=port, word_order=request.param, stations={"press": PLACE}))
    link = Link("127.0.0.1", port, PLACE, request.param)
    yield server.stations["press"], link
    link.close()
    server.close()


def view(**changes) -> StationView:
    facts = {"session": 5, "state": State.READY, "heartbeat": 9}
    return StationView(**(facts | changes))


def test_a_result_is_read_whatever_the_word_order(wired):
    station, link = wired
    station.show(view(result=PartResult(5, 70_000, "P1", Outcome.PASS)))
    words = link.read(1.0)
    assert is_pass(words, seq=70_000, session=5)
    assert link.read(1.0) == words


def test_every_image_arrives_in_order(wired):
    station, link = wired
    link.read(1.0)
    own = ControllerImage(enable=True, trigger_seq=70_000)
    link.write(own, 1.0)
    station.commands()
    link.put(ControllerImage(enable=True, trigger=True, trigger_seq=70_001), own)
    for _ in range(3):
        link.write(own, 1.0)
    assert station.commands() == [Triggered(70_001, "")]
    link.write(ControllerImage(enable=False, ack=True, trigger_seq=70_000), 1.0)
    assert station.commands() == [Enabled(on=False), Acknowledged(70_000)]


def test_a_cut_link_reads_nothing_until_it_is_restored(wired):
    station, link = wired
    station.show(view())
    assert link.read(1.0) is not None
    link.cut()
    assert link.read(0.01) is None
    link.write(ControllerImage(enable=True), 0.01)  # goes nowhere
    link.restore()
    time.sleep(client.RETRY_S)
    assert link.read(1.0) is not None
    link.write(ControllerImage(enable=True), 1.0)
    assert station.commands() == [Enabled(on=True)]


def test_a_busy_station_is_asked_again(wired):
    station, link = wired
    link.read(1.0)
    station.closed = True  # refuses every write
    link.write(ControllerImage(enable=True), 1.0)
    station.closed = False
    link.write(ControllerImage(enable=True), 1.0)
    assert station.commands() == [Enabled(on=True)]


def test_no_call_waits_longer_than_it_was_told_to_and_silence_is_given_up(monkeypatch):
    """A frozen process: the kernel takes the connection and the request, and nobody answers."""
    monkeypatch.setattr(client, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link("127.0.0.1", server.getsockname()[1], PLACE, "big")
        begun = time.monotonic()
        assert link.read(0.01) is None
        link.write(ControllerImage(enable=True), 0.01)
        assert time.monotonic() - begun < 0.15
        assert link.lost_ns == 0
        time.sleep(0.2)
        link.read(0.01)
        assert link.lost_ns > 0
        link.close()


def test_an_answer_in_pieces_or_to_another_request(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link("127.0.0.1", server.getsockname()[1], PLACE, "big")
        words = input_words(view())
        data = b"".join(word.to_bytes(2, "big") for word in words)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                for number in (1, 99):  # the second answers nothing that was asked
                    connection.recv(100)
                    answer = number.to_bytes(2, "big") + bytes([0, 0, 0, 91, 3, 4, 88]) + data
                    for at in range(0, len(answer), 7):
                        connection.sendall(answer[at : at + 7])
                        time.sleep(0.001)

        thread = threading.Thread(target=serve)
        thread.start()
        assert link.read(2.0) == words
        assert link.read(2.0) is None
        thread.join()
        link.close()


def test_a_damaged_block_stays_damaged():
    words = input_words(view(), "little")
    assert read_block(in_big_order(words, "little")).heartbeat == 9
    for at in range(len(words)):
        torn = (*words[:at], words[at] ^ 0x10, *words[at + 1 :])
        assert read_block(in_big_order(torn, "little")) is None
