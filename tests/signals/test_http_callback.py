"""Against a server on this machine that answers well, badly, slowly or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lineproof.errors import SettingsError, SignalError
from lineproof.settings import parse_settings
from lineproof.signals import http_callback
from lineproof.signals.http_callback import HttpCallback
from lineproof.signals.http_callback_settings import HttpCallbackSettings
from loopback import free_port
from mqtt_rig import result, validator, view
from mqtt_rig import wait_for as until

RESULT = validator("result")


class Receiver(ThreadingHTTPServer):
    """Remembers every request; `answer` says what becomes of the k-th one: a status, or a callable with the handler."""

    def __init__(self, port: int = 0, answer=lambda _: 204) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, dict]] = []  # path, key, body
        self.connections = 0
        super().__init__(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/results?line=3"

    def process_request(self, request, client_address) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def seqs(self) -> list[int]:
        return [body["seq"] for *_, body in self.requests]

    def end(self) -> None:
        self.shutdown()
        self._thread.join(5)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 2.0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Idempotency-Key"], body))
        answer = self.server.answer(len(self.server.requests))
        if callable(answer):
            answer(self)
            return
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args) -> None:
        """Quiet."""


@contextmanager
def receiver(**facts):
    each = Receiver(**facts)
    try:
        yield each
    finally:
        each.end()


@contextmanager
def callback(url: str, **changes: object):
    wire = HttpCallback(HttpCallbackSettings(url=url, station="plant/line/station", timeout_ms=300, **changes))
    try:
        yield wire
    finally:
        wire.close()


def test_each_result_is_posted_once_over_one_connection():
    with receiver() as server, callback(server.url) as wire:
        for seq in range(1, 51):
            wire.show(view())
            wire.show(view(seq))
            wire.show(view(seq))
        until(lambda: wire.health().posted == 50)
        assert wire.commands() == ()
        assert server.connections == 1
    assert [path for path, *_ in server.requests] == ["/results?line=3"] * 50
    assert [key for _, key, _ in server.requests] == [f"7-{seq}" for seq in range(1, 51)]
    for *_, body in server.requests:
        RESULT.validate(body)
        assert (body["station"], body["is_historical"]) == ("plant/line/station", False)


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiver() as server, callback(server.url) as wire:
        wire.show(view(1))
        until(lambda: wire.health().posted == 1)


@pytest.mark.parametrize("status", [301, 401, 404, 408, 409, 429, 500, 503])
def test_what_may_pass_is_tried_again_in_order_with_the_same_key(status):
    with receiver(answer=lambda count: status if count in (1, 2) else 200) as server, callback(server.url) as wire:
        wire.show(view(1))
        wire.show(view(2))
        until(lambda: wire.health().posted == 2)
        health = wire.health()
    assert [key for _, key, _ in server.requests] == ["7-1", "7-1", "7-1", "7-2"]
    assert [body["is_historical"] for *_, body in server.requests][:3] == [False, True, True]
    assert (health.failures, health.refused, health.failing) == (2, 0, False)
    assert health.last_error == f"the receiver answers with status {status}"


@pytest.mark.parametrize("status", http_callback.NEVER)
def test_what_is_never_taken_is_counted_and_does_not_hold_up_the_rest(status):
    with receiver(answer=lambda count: status if count == 1 else 200) as server, callback(server.url) as wire:
        wire.show(view(1))
        wire.show(view(2))
        until(lambda: wire.health().posted == 1)
        assert (wire.health().refused, server.seqs()) == (1, [1, 2])
        assert wire.health().last_error == f"the receiver refuses 7-1 (status {status})"


def hang_up(handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def rubbish(handler) -> None:
    handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")
    handler.close_connection = True


def half(handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    handler.close_connection = True


def bad_chunk(handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    handler.close_connection = True


def silence(handler) -> None:
    time.sleep(0.6)
    handler.close_connection = True


def drip(handler) -> None:
    """A byte now and then, so that no single wait is long."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(60):
            handler.wfile.write(b".")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


@pytest.mark.parametrize("wrong", [hang_up, rubbish, half, bad_chunk, silence, drip])
def test_an_answer_that_is_none_is_tried_again(wrong):
    with receiver(answer=lambda count: wrong if count == 1 else 200) as server, callback(server.url) as wire:
        wire.show(view(1))
        until(lambda: wire.health().posted == 1, 2)
        assert wire.health().failures == 1
        assert server.seqs() == [1, 1]


def long(handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**6))
    handler.end_headers()
    handler.wfile.write(bytes(10**6))


def test_a_long_answer_costs_the_connection_and_nothing_else():
    with receiver(answer=lambda _: long) as server, callback(server.url) as wire:
        wire.show(view(1))
        wire.show(view(2))
        until(lambda: wire.health().posted == 2)
        assert (wire.health().failures, server.connections) == (0, 2)


def closes(handler) -> None:
    """A keep-alive connection that the server then ends, as it does after some idle seconds."""
    handler.send_response(204)
    handler.end_headers()
    handler.close_connection = True


def test_a_connection_that_was_closed_while_idle_makes_no_historical_result():
    with receiver(answer=lambda _: closes) as server, callback(server.url) as wire:
        for seq in (1, 2, 3):
            wire.show(view(seq))
            until(lambda seq=seq: wire.health().posted == seq)
            time.sleep(0.05)
        assert wire.health().failures == 0
        assert [body["is_historical"] for *_, body in server.requests] == [False] * 3


def test_a_receiver_that_is_away_costs_no_time_and_gets_everything_later():
    port = free_port()
    with callback(f"http://127.0.0.1:{port}/results?line=3") as wire:
        took_s = []
        for seq in range(1, 201):
            begin_s = time.perf_counter()
            wire.show(view(seq))
            took_s.append(time.perf_counter() - begin_s)
        assert sorted(took_s)[100] < 0.002
        until(lambda: wire.health().failures >= 2)
        assert wire.commands() == ()  # no controller, so none that is dead
        with receiver(port=port) as server:
            until(lambda: wire.health().posted == 200)
            assert server.seqs() == list(range(1, 201))
            assert all(body["is_historical"] for *_, body in server.requests)
            wire.show(view(201))
            until(lambda: wire.health().posted == 201)
            assert server.requests[-1][2]["is_historical"] is False


def test_results_wait_in_a_folder_for_the_next_start(tmp_path):
    port = free_port()
    with callback(f"http://127.0.0.1:{port}/", store={"folder": tmp_path}) as wire:
        for seq in (1, 2, 3):
            wire.show(view(seq))
    assert wire.health().store.dropped_results == 0
    with receiver(port=port) as server, callback(server.url, store={"folder": tmp_path}) as wire:
        wire.show(view(result=result(1, session=8)))
        until(lambda: wire.health().posted == 4)
        assert [key for _, key, _ in server.requests] == ["7-1", "7-2", "7-3", "8-1"]


def test_overflow_is_counted_exactly():
    port = free_port()
    with callback(f"http://127.0.0.1:{port}/", store={"messages": 100}) as wire:
        for seq in range(1, 251):
            wire.show(view(seq))
        with receiver(port=port) as server:
            until(lambda: wire.health().posted + wire.health().store.dropped_results == 250)
            assert sorted(server.seqs()) == sorted(set(server.seqs()))
            assert len(server.requests) == wire.health().posted >= 100


def test_close_is_quick_whatever_the_receiver_does():
    with receiver(answer=lambda _: drip) as server:
        with callback(server.url) as wire:
            wire.show(view(1))
            until(lambda: server.requests)
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < 3
        assert not wire._thread.is_alive()
    wire.close()
    for call in (lambda: wire.show(view(1)), wire.commands):
        with pytest.raises(SignalError, match="the wire is closed"):
            call()


def test_a_thread_that_died_is_an_error_at_once(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(HttpCallback, "_sent", lambda *_: {}["a mistake of ours"])
    with callback(f"http://127.0.0.1:{free_port()}/") as wire:
        wire.show(view(1))
        until(lambda: not wire._thread.is_alive())
        for call in (lambda: wire.show(view(2)), wire.commands):
            with pytest.raises(SignalError, match="the thread of the wire has died"):
                call()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "ftp://mes/"}, "url: .*not an http:// or https:// URL"),
        ({"url": "http:///x"}, "url: .*not an http:// or https:// URL"),
        ({"url": "http://user:secret@mes/"}, "url: .*no user and password"),
        ({"url": "http://mes/a\r\nX: y"}, "url: .*characters that a URL cannot have"),
        ({"url": "http://mes:99999/"}, "url: "),
        ({"station": "a b"}, "station: String should match"),
        ({"timeout_ms": 1}, "timeout_ms: "),
        ({"proxy": "x"}, "proxy: unknown key"),
    ],
)
def test_bad_settings_are_told(change, says):
    with pytest.raises(SettingsError, match=says):
        parse_settings({"url": "http://mes/", "station": "s", **change}, HttpCallbackSettings, "line.yaml")


def test_certificates_that_are_none(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    settings = HttpCallbackSettings(url="https://mes/", station="s", ca_file="ca.pem")
    with pytest.raises(SettingsError, match=r"http_callback\.ca_file: .*ca\.pem.* – name a file of PEM"):
        HttpCallback(settings, beside=tmp_path)
