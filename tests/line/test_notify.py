from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from builders import frame
from line_rig import line_of
from lineproof.line.notify import Notifier

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is a matter of Linux")


@pytest.fixture
def systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        yield listening, tmp_path / "notify"


def heard(listening: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(listening.recv(100).decode())
        except BlockingIOError:
            return words


def test_a_line_says_ready_alive_and_stopping(systemd):
    listening, path = systemd
    line, _ = line_of([frame("a"), 0.2])
    line._notifier = Notifier(str(path), watchdog_us=30_000)
    line.run()
    words = heard(listening)
    assert words[0] == "READY=1"
    assert words[-1] == "STOPPING=1" or words[-2:] == ["STOPPING=1", "WATCHDOG=1"]
    assert words.count("WATCHDOG=1") >= 2


def test_the_watchdog_is_fed_by_turning_only(systemd):
    listening, path = systemd
    notifier = Notifier(str(path), watchdog_us=3_600_000_000)
    for _ in range(5):
        notifier.alive()
    assert heard(listening) == ["WATCHDOG=1"]


def test_without_a_watchdog_nothing_is_fed(systemd):
    listening, path = systemd
    Notifier(str(path), watchdog_us=0).alive()
    assert heard(listening) == []


def test_settings_come_from_the_environment(systemd, monkeypatch):
    listening, path = systemd
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    notifier = Notifier()
    notifier.ready()
    notifier.alive()
    assert heard(listening) == ["READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@lineproof-nobody-listens"])
def test_nobody_listening_is_no_error(address: str | Path):
    Notifier(str(address), watchdog_us=1).alive()
