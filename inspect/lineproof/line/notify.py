"""What systemd wants to hear from a `Type=notify` service, over its datagram socket."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Silent where systemd is not listening; the watchdog is fed by whoever makes progress, never by a timer."""

    def __init__(self, address: str | None = None, watchdog_us: int | None = None) -> None:
        """Default: NOTIFY_SOCKET and WATCHDOG_USEC of the environment."""
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        period_us = int(os.environ.get("WATCHDOG_USEC", "0")) if watchdog_us is None else watchdog_us
        self._period_ns = period_us * 1000 // 3  # three chances within systemd's own period
        self._fed_ns = 0

    def ready(self) -> None:
        """Everything is verified and open."""
        self._send("READY=1")

    def alive(self) -> None:
        """The loop has turned; tells systemd often enough, not every time."""
        now_ns = time.monotonic_ns()
        if self._period_ns and now_ns - self._fed_ns >= self._period_ns:
            self._fed_ns = now_ns
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end, on purpose."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(0)  # never wait for systemd
                channel.sendto(state.encode(), name)
        except OSError:  # systemd gone or its buffer full: the line goes on, the next word may arrive
            return
