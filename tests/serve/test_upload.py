"""Uploads are counted while they stream, must keep moving, and may break off; talked to with bare sockets."""

from __future__ import annotations

import http.client
import importlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from lineproof.core import Detections
from lineproof.engine.scripted import Hang
from lineproof.serve import patience
from lineproof.serve import server as server_module
from lineproof.serve.errors import Refusal
from lineproof.serve.upload import Intake
from serve.served import engine, picture, serving, until


@pytest.fixture(autouse=True, params=["h11", "httptools"])
def _parser(request, monkeypatch):
    """Everything here holds for either parser."""
    if request.param == "httptools":
        pytest.importorskip("httptools", reason="the other parser is not installed")
        kind = importlib.import_module("lineproof.serve.patience_httptools").PatientHttpTools
    else:
        kind = patience.PatientH11
    monkeypatch.setattr(server_module, "protocol", lambda: kind)


def connect(server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def head(*lines: str, path: str = "/v1/inspect") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def read_all(wire: socket.socket) -> bytes:
    """Everything until the server hangs up; a reset after the answer counts as hanging up."""
    got = b""
    try:
        while data := wire.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return got


def statuses_of_next(wire: socket.socket, count: int = 1) -> list[int]:
    """Read some answers and leave the connection open; what is read ahead of one answer belongs to the next."""
    statuses = []
    with wire.makefile("rb") as stream:
        for _ in range(count):
            statuses.append(int(stream.readline().split()[1]))
            headers = http.client.parse_headers(stream)
            stream.read(int(headers["Content-Length"]))
    return statuses


def code_of(answer: bytes) -> tuple[int, str]:
    status = int(answer.split(b" ", 2)[1])
    return status, json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"]


def test_a_body_without_a_length_is_counted_as_it_comes():
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(1000):
            sent += 65536
            yield bytes(65536)

    with serving(max_body_mb=0.5) as server:
        with connect(server) as wire:
            wire.sendall(head("Transfer-Encoding: chunked"))
            for _ in range(10):
                wire.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            assert wire.recv(200).startswith(b"HTTP/1.1 413 ")
        assert server.post().status_code == 200


def test_a_length_that_is_too_large_is_refused_before_a_byte_was_sent():
    with serving(max_body_mb=0.5) as server, connect(server) as wire:
        wire.sendall(head("Content-Length: 500001"))
        assert wire.recv(200).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["-1", "1e3", "5, 6", "9" * 30])
def test_a_length_that_is_none_is_refused(length):
    with serving() as server:
        with connect(server) as wire:
            wire.sendall(head(f"Content-Length: {length}"))
            wire.shutdown(socket.SHUT_WR)
            assert code_of(read_all(wire))[0] in {400, 413}
        assert server.post().status_code == 200


def test_what_is_no_http_gets_the_same_shape():
    with serving() as server, connect(server) as wire:
        wire.sendall(b"\x16\x03\x01 hello, TLS?\r\n\r\n")
        assert code_of(read_all(wire)) == (400, "bad_request")


def test_a_head_that_is_too_long_is_refused():
    with serving() as server, connect(server) as wire:
        wire.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 100_000)
        assert code_of(read_all(wire)) == (400, "bad_request")


def test_a_head_that_never_ends_is_refused_while_it_comes():
    with serving() as server, connect(server) as wire:
        wire.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for _ in range(20):
            time.sleep(0.005)
            try:
                wire.sendall(b"X: " + b"y" * 1000 + b"\r\n")
            except ConnectionError:
                break
        assert code_of(read_all(wire)) == (400, "bad_request")


def test_a_head_that_never_ends_behind_a_request_that_runs_is_hung_up_on():
    hang = Hang(then=Detections.empty())
    with serving(engine(hang), deadline_ms=1000) as server, connect(server) as wire:
        image = picture()
        wire.sendall(head(f"Content-Length: {len(image)}") + image)
        until(lambda: len(server.door._worker._jobs) == 1)
        with suppress(ConnectionError):
            for _ in range(200):
                time.sleep(0.002)
                wire.sendall(b"X-" + b"y" * 1000)
        hang.release.set()
        got = read_all(wire)
    assert got.count(b"HTTP/1.1 ") <= 2
    assert b"HTTP/1.1 200" not in got.split(b"\r\n\r\n", 1)[-1]


def test_two_requests_in_one_packet_are_both_answered():
    image = picture()
    with serving() as server, connect(server) as wire:
        wire.sendall((head(f"Content-Length: {len(image)}") + image) * 2)
        assert statuses_of_next(wire, 2) == [200, 200]


def test_an_upgrade_is_not_taken():
    with serving() as server:
        for kind in ("websocket", "h2c"):
            answer = server.client.get("/v1/health/live", headers={"Connection": "Upgrade", "Upgrade": kind})
            assert answer.status_code == 200
        assert server.post().status_code == 200


def test_a_body_with_two_lengths_is_never_inspected():
    with serving() as server:
        for lines in (("Content-Length: 3", "Transfer-Encoding: chunked"), ("Content-Length: 3", "Content-Length: 4")):
            with connect(server) as wire:
                wire.sendall(head(*lines) + b"abc")
                wire.shutdown(socket.SHUT_WR)
                got = read_all(wire)
                assert not got or code_of(got)[0] == 400
        assert server.post().status_code == 200


def test_a_body_that_does_not_move_is_408_and_the_connection_ends():
    with serving(upload_timeout_s=0.2) as server:
        with connect(server) as wire:
            wire.sendall(head("Content-Length: 1000") + b"ab")
            assert code_of(read_all(wire)) == (408, "slow_upload")
        assert server.post().status_code == 200


def test_a_body_of_single_bytes_is_408_as_well():
    with serving(upload_timeout_s=0.3) as server, connect(server) as wire:
        wire.sendall(head("Content-Length: 100000"))
        answer = b""
        wire.settimeout(0.02)
        for _ in range(500):
            try:
                wire.sendall(b"x")
                answer = wire.recv(65536)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_the_deadline_counts_the_upload():
    with serving(deadline_ms=200, upload_timeout_s=5) as server, connect(server) as wire:
        wire.sendall(head("Content-Length: 1000") + b"ab")
        assert code_of(read_all(wire)) == (504, "deadline")


def test_a_head_that_dribbles_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(patience, "HEAD_S", 0.2)
    with serving() as server:
        with connect(server) as silent, connect(server) as half:
            half.sendall(b"POST /v1/insp")
            assert read_all(silent) == b""
            assert read_all(half) == b""
        assert server.post().status_code == 200


def test_an_upload_that_was_answered_early_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(patience, "LINGER_S", 0.2)
    with serving() as server, connect(server) as wire:
        wire.sendall(head("Content-Length: 100000000", "Content-Type: application/json"))
        assert code_of(read_all(wire)) == (415, "unsupported_media_type")


def test_a_keep_alive_connection_survives_an_early_answer(monkeypatch):
    monkeypatch.setattr(patience, "LINGER_S", 0.2)
    with serving() as server, connect(server) as wire:
        for _ in range(3):
            wire.sendall(head("Content-Length: 3", "Content-Type: application/json") + b"abc")
            assert statuses_of_next(wire) == [415]
            time.sleep(0.3)


def test_answers_leave_at_once():
    with serving() as server:
        server.post()
        wires = [
            connection.transport.get_extra_info("socket") for connection in server.uvicorn.server_state.connections
        ]
        assert wires
        assert all(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for wire in wires)


def test_one_connection_too_many_is_told_so(monkeypatch):
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 3)
    with serving() as server:
        server.client.close()
        wires = [connect(server) for _ in range(5)]
        refused = [code_of(read_all(wire)) for wire in wires[3:]]
        for wire in wires:
            wire.close()
        assert refused == [(429, "queue_full")] * 2
        until(lambda: connect_and_ask(server) == 200)


def connect_and_ask(server) -> int:
    with connect(server) as wire:
        wire.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return int(read_all(wire).split(b" ")[1])


def test_a_caller_who_hangs_up_breaks_nothing():
    with serving(engine()) as server:
        for cut in (head("Content-Length: 1000"), head("Content-Length: 1000") + b"abc", head()[:20]):
            with connect(server) as wire:
                wire.sendall(cut)
        image = picture()
        for _ in range(5):  # gone while the inspection runs
            with connect(server) as wire:
                wire.sendall(head(f"Content-Length: {len(image)}") + image)
        assert server.post().json()["decision"] == "PASS"
        until(lambda: server.client.get("/v1/stats").json()["decisions"]["PASS"] == 6)
        until(lambda: server.door._intake.held_bytes == 0)


def test_uploads_together_are_bounded_and_given_back():
    with serving(uploads_in_memory_mb=0.3, max_body_mb=1) as server:
        with connect(server) as wire:
            wire.sendall(head("Content-Length: 250000") + bytes(249_000))
            until(lambda: server.door._intake.held_bytes > 200_000)
            refused = server.post(bytes(100_000))
            assert server.error(refused) == (429, "queue_full")
            assert int(refused.headers["Retry-After"]) >= 1
        until(lambda: server.door._intake.held_bytes == 0)
        assert server.post().status_code == 200


def test_the_intake_counts_to_zero_whatever_happens():
    intake = Intake(100)
    with intake.hold() as hold:
        hold.take(60)
        with pytest.raises(Refusal), intake.hold() as other:
            other.take(41)
        with intake.hold() as other:
            other.take(40)
    with pytest.raises(ZeroDivisionError), intake.hold() as hold:
        hold.take(1 // intake.held_bytes)
    assert intake.held_bytes == 0


def test_expect_100_continue_is_answered_like_curl_wants_it():
    image = picture(".png", 640, 480)
    with serving() as server, connect(server) as wire:
        wire.sendall(head(f"Content-Length: {len(image)}", "Expect: 100-continue"))
        assert wire.recv(100).startswith(b"HTTP/1.1 100 ")
        wire.sendall(image)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_two_hundred_at_once_are_all_answered():
    with serving(queue=8) as server:

        def ask(number: int) -> int:
            # A connection each, as two hundred callers have: httpx's pool, when shared, closes one under another's hands.
            url = server.client.base_url
            with httpx.Client(base_url=url, headers=server.client.headers, timeout=60, verify=False) as client:
                response = client.post("/v1/inspect", params={"part_id": f"p{number}"}, content=picture())
            if response.status_code == 429:
                assert server.error(response) == (429, "queue_full")
                assert int(response.headers["Retry-After"]) >= 1
            return response.status_code

        with ThreadPoolExecutor(200) as pool:
            statuses = list(pool.map(ask, range(200)))
        counts = server.client.get("/v1/stats").json()
    assert set(statuses) <= {200, 429}
    assert counts["decisions"]["PASS"] == statuses.count(200) > 0
    assert counts["rejected"].get("queue_full", 0) == statuses.count(429)
    assert counts["queue"] == {"depth": 0, "capacity": 8}
