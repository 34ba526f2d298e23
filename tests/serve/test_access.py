"""The access log is written by a thread of its own: a log that hangs delays nobody, and what it loses is counted."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from lineproof.serve import access
from lineproof.serve.access import AccessLog
from serve.served import serving, until


class Stuck(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.go_on.wait(30)
        self.lines.append(record.getMessage())


@pytest.fixture
def stuck():
    handler = Stuck()
    access.access_log.addHandler(handler)
    access.access_log.setLevel(logging.INFO)
    yield handler
    handler.go_on.set()
    access.access_log.removeHandler(handler)
    access.access_log.setLevel(logging.NOTSET)


def test_a_log_that_hangs_delays_no_part_and_not_the_end(stuck, monkeypatch):
    monkeypatch.setattr(access, "CLOSE_S", 0.1)
    with serving() as server:
        for number in range(3):
            assert server.post(part_id=str(number)).status_code == 200
    assert not stuck.lines
    stuck.go_on.set()
    until(lambda: len(stuck.lines) == 3)


def test_what_the_log_does_not_take_is_dropped_and_counted(stuck, monkeypatch, caplog):
    monkeypatch.setattr(access, "MAX_PENDING", 2)
    monkeypatch.setattr(access, "GATHER_S", 0.0)
    stuck.go_on.set()
    log = AccessLog()
    for number in range(5):  # nobody writes yet
        log.note("127.0.0.1", "", "POST", f"/{number}", 200, 1.0)
    log.open()
    log.close()
    assert stuck.lines[:2] == ["127.0.0.1 POST /0 200 1.0 ms", "127.0.0.1 POST /1 200 1.0 ms"]
    assert stuck.lines[2].startswith("3 requests are not in this log")


def test_a_line_has_the_time_of_its_request(caplog):
    caplog.set_level(logging.INFO, logger=access.access_log.name)
    log = AccessLog()
    log.note("127.0.0.1", "press-1", "POST", "/v1/inspect", 200, 1.25)
    noted_s = time.time()
    time.sleep(0.05)
    log.open()
    log.close()
    record = caplog.records[0]
    assert record.getMessage() == "127.0.0.1 press-1 POST /v1/inspect 200 1.2 ms"
    assert record.created <= noted_s
    assert 0 <= record.msecs < 1000


def test_nothing_is_left_unwritten(caplog):
    caplog.set_level(logging.INFO, logger=access.access_log.name)
    with serving() as server:
        for number in range(20):
            server.post(part_id=str(number))
    assert sum("/v1/inspect 200" in record.getMessage() for record in caplog.records) == 20
