"""A controller's end of Modbus TCP: FC16 of 32 words, FC04 of 44, one request at a time.

A controller scans on while an answer is late, with what it read last; so no call waits longer than it is told to. What is
written is sent in order and whole: an edge that the controller made is never skipped, only late.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from typing import NamedTuple

from lineproof.signals.io_map import StationPlace
from lineproof.signals.registers.image import ControllerImage, holding_words
from lineproof.signals.registers.layout import CRC_AT, HOLDING_WORDS, INPUT, INPUT_WORDS, reordered
from lineproof.signals.registers.words import WordOrder, Words, checksum, joined, pair

READ, WRITE = 4, 16  # Modbus application protocol 1.1b3: 6.4 and 6.12
ANSWER_S = 1.0  # an answer that late is given up, and the connection with it: the usual time-out of a controller
CONNECT_S = 0.2  # on one machine it is there at once or not at all
RETRY_S = 0.1  # between two attempts to connect
_HEADER = struct.Struct(">HHHB")  # transaction, protocol, bytes that follow, unit
_READ = struct.Struct(f">{INPUT_WORDS}H")


class _Asked(NamedTuple):
    """A request that waits for its answer."""

    number: int
    function: int
    since_s: float


class Link:
    """The connection of one controller to its station; connects again by itself."""

    def __init__(self, host: str, port: int, place: StationPlace, order: WordOrder) -> None:
        """Nothing is connected yet."""
        self._address = (host, port)
        self._place = place
        self._order: WordOrder = order
        self._socket: socket.socket | None = None
        self._retry_s = 0.0
        self._is_cut = False
        self._number = 0
        self._asked: _Asked | None = None
        self._received = b""
        self._words: Words | None = None
        self._queue: deque[ControllerImage] = deque()
        self._last: ControllerImage | None = None  # sent, or to be sent last
        self.lost_ns = 0  # when a connection was lost last, monotonic

    def read(self, wait_s: float) -> Words | None:
        """The station's block in the order of map 1.0 as read last; None: there is no connection."""
        end_s = time.monotonic() + wait_s
        if not self._connected():
            return None
        self._settle(end_s)
        if self._asked is None:
            self._ask(READ, struct.pack(">HH", self._place.input_offset, INPUT_WORDS))
            self._settle(end_s)
        return self._words

    def write(self, image: ControllerImage, wait_s: float) -> None:
        """All holding registers, unless they are so already."""
        if self._socket is None:
            return
        if image != self._last:
            self._queue.append(image)
            self._last = image
        end_s = time.monotonic() + wait_s
        while self._queue and self._asked is None and self._socket is not None and time.monotonic() < end_s:
            words = holding_words(self._queue[0], self._order)
            head = struct.pack(">HHB", self._place.holding_offset, HOLDING_WORDS, 2 * HOLDING_WORDS)
            self._ask(WRITE, head + struct.pack(f">{HOLDING_WORDS}H", *words))
            self._settle(end_s)

    def put(self, *images: ControllerImage) -> None:
        """One image after the other, faster than a controller scans; the last one stands."""
        if self._socket is not None and images:
            self._queue.extend(images)
            self._last = images[-1]

    def cut(self) -> None:
        """Close the connection and open no other."""
        self._is_cut = True
        self._drop()

    def restore(self) -> None:
        """Connect again with the next read."""
        self._is_cut = False

    def close(self) -> None:
        """The end of it."""
        self.cut()

    def _connected(self) -> bool:
        if self._socket is not None or self._is_cut or time.monotonic() < self._retry_s:
            return self._socket is not None
        try:
            self._socket = socket.create_connection(self._address, timeout=CONNECT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self._drop()
        return self._socket is not None

    def _drop(self) -> None:
        """What is under way is lost; what the controller means is written again once there is a connection."""
        if self._socket is not None:
            self._socket.close()
            self.lost_ns = time.monotonic_ns()
        self._socket, self._asked, self._received, self._words, self._last = None, None, b"", None, None
        self._queue.clear()
        self._retry_s = time.monotonic() + RETRY_S

    def _ask(self, function: int, body: bytes) -> None:
        if self._socket is None:
            return
        self._number = (self._number + 1) % (1 << 16)
        self._asked = _Asked(self._number, function, time.monotonic())
        head = _HEADER.pack(self._number, 0, 2 + len(body), self._place.unit)
        try:
            self._socket.sendall(head + bytes([function]) + body)
        except OSError:
            self._drop()

    def _settle(self, end_s: float) -> None:
        """Wait for the answer under way; leave it under way when it is not there by then."""
        looked = False
        while self._asked is not None and self._socket is not None and not self._answered(self._asked):
            now_s = time.monotonic()
            if now_s - self._asked.since_s > ANSWER_S:
                self._drop()
            elif looked and now_s >= end_s:
                return
            else:
                looked = True
                self._receive(max(end_s - now_s, 1e-4))  # 0 would mean not to look at all

    def _receive(self, wait_s: float) -> None:
        if self._socket is None:
            return
        self._socket.settimeout(wait_s)
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if data:
            self._received += data
        else:
            self._drop()

    def _whole(self) -> bool:
        """A whole answer has come."""
        if len(self._received) < _HEADER.size:
            return False
        _, _, follows, _ = _HEADER.unpack_from(self._received)
        return len(self._received) >= _HEADER.size - 1 + int(follows)

    def _answered(self, asked: _Asked) -> bool:
        """Take the answer that has come; False when there is none yet."""
        if not self._whole():
            return False
        number, _, follows, _ = _HEADER.unpack_from(self._received)
        end = _HEADER.size - 1 + follows
        body, self._received = self._received[_HEADER.size : end], self._received[end:]
        self._asked = None
        if number != asked.number:
            self._drop()
        elif body[0] != asked.function:  # an exception: busy, or no such register
            self._words = None if asked.function == READ else self._words
            self._queue.clear()
            self._last = None
        elif asked.function == WRITE:
            self._queue.popleft()
        elif len(body) == 2 + _READ.size:
            self._words = in_big_order(_READ.unpack(body[2:]), self._order)
        return True


def in_big_order(words: Words, order: WordOrder) -> Words:
    """A block as a map with the high word first would show it; what was torn or flipped on the way stays so."""
    if order == "big" or checksum(words[:CRC_AT]) != joined(words[CRC_AT], words[CRC_AT + 1], order):
        return words
    turned = reordered(words, INPUT, order)[:CRC_AT]
    return (*turned, *pair(checksum(turned), "big"))
