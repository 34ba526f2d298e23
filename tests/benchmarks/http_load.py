"""Load on an HTTP service from a process of its own: N keep-alive connections, each sends again once it was answered.

One thread and raw sockets, so that the generator takes as little as possible of the cores it shares with the server:
about 0.1 ms of one core for a request of 300 kB.

    python tests/benchmarks/http_load.py 'http://127.0.0.1:8000/v1/inspect' part.jpg --connections 1,4,16 --seconds 5
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

SEND_BUFFER_BYTES = 4 << 20  # a whole request leaves in one call; the kernel allows what its limits allow
BOUNDARY = "lineproof-load"


@dataclass(frozen=True)
class Figures:
    """What one round measured; milliseconds from the first byte sent to the last byte received."""

    connections: int
    seconds: float
    requests: int
    throughput_per_s: float
    mean_ms: float
    p10_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    errors: int  # answers that are not 200, and connections that broke
    statuses: dict[str, int]
    client_cpu_share: float  # of one core


@dataclass
class Wire:
    """One connection with the request on it."""

    address: tuple[str, int]
    sock: socket.socket = field(init=False)
    out: memoryview = field(init=False, default=memoryview(b""))
    got: bytearray = field(init=False, default_factory=bytearray)
    needs: int = field(init=False, default=-1)  # bytes of the whole answer, once its head is in
    started_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.sock = socket.create_connection(self.address, timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.sock.setblocking(False)

    def begin(self, request: bytes) -> None:
        """Start the next request."""
        self.out, self.needs = memoryview(request), -1
        self.got.clear()
        self.started_s = time.perf_counter()
        self.push()

    def push(self) -> None:
        """Send what the kernel takes."""
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            pass

    def pull(self) -> int:
        """Receive; the status once the answer is complete, else 0. Raises ConnectionError when the server hung up."""
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the server hung up")
        self.got += data
        if self.needs < 0:
            end = self.got.find(b"\r\n\r\n")
            if end < 0:
                return 0
            self.needs = end + 4 + _content_length(bytes(self.got[:end]))
        return int(self.got[9:12]) if len(self.got) >= self.needs else 0


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ConnectionError("an answer without content-length")


def post(url: str, body: bytes, content_type: str = "image/jpeg", headers: Sequence[str] = ()) -> bytes:
    """A whole HTTP/1.1 request."""
    place = urlsplit(url)
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {place.netloc}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def form(body: bytes, field_name: str, file_name: str = "part.jpg") -> tuple[bytes, str]:
    """The same bytes as a multipart form of one file, and its content type."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{file_name}"\r\n'
    head += "Content-Type: image/jpeg\r\n\r\n"
    return head.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


class Load:
    """Some connections and what came back over them."""

    def __init__(self, url: str, request: Callable[[int], bytes]) -> None:
        place = urlsplit(url)
        self.address = (place.hostname or "127.0.0.1", place.port or 80)
        self.request = request
        self.poll = select.epoll()
        self.wires: dict[int, Wire] = {}
        self.times_ms: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.sent = 0

    def connect(self) -> None:
        """One connection more, its first request on the way."""
        wire = Wire(self.address)
        self.wires[wire.sock.fileno()] = wire
        self.poll.register(wire.sock, select.EPOLLIN)
        self._begin(wire)

    def run_until(self, end_s: float) -> None:
        """Serve the connections until a time of `perf_counter`."""
        while time.perf_counter() < end_s:
            for number, event in self.poll.poll(max(0.0, end_s - time.perf_counter())):
                wire = self.wires[number]
                try:
                    self._serve(wire, event)
                except ConnectionError:
                    self._replace(wire)

    def forget(self) -> None:
        """What was measured so far was the warm-up."""
        self.times_ms.clear()
        self.statuses.clear()

    def close(self) -> None:
        """Hang up."""
        for wire in self.wires.values():
            wire.sock.close()
        self.poll.close()

    def _serve(self, wire: Wire, event: int) -> None:
        if event & select.EPOLLOUT:
            wire.push()
            if not wire.out:
                self.poll.modify(wire.sock, select.EPOLLIN)
        if event & ~select.EPOLLOUT and (status := wire.pull()):
            self.times_ms.append((time.perf_counter() - wire.started_s) * 1e3)
            self.statuses[str(status)] += 1
            self._begin(wire)

    def _begin(self, wire: Wire) -> None:
        wire.begin(self.request(self.sent))
        self.sent += 1
        if wire.out:
            self.poll.modify(wire.sock, select.EPOLLIN | select.EPOLLOUT)

    def _replace(self, wire: Wire) -> None:
        self.statuses["broken"] += 1
        del self.wires[wire.sock.fileno()]
        wire.sock.close()
        self.connect()


def load(
    url: str, request: Callable[[int], bytes], connections: int, seconds: float, *, warm_up_s: float = 0.5
) -> Figures:
    """Keep `connections` busy for a while; `request` gives the bytes of the n-th request."""
    round_ = Load(url, request)
    for _ in range(connections):
        round_.connect()
    round_.run_until(time.perf_counter() + warm_up_s)
    round_.forget()
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    round_.run_until(begun_s + seconds)
    took_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    round_.close()
    return _figures(connections, took_s, round_.times_ms, round_.statuses, cpu_s)


def _figures(connections: int, took_s: float, times_ms: list[float], statuses: Counter[str], cpu_s: float) -> Figures:
    good = statuses.get("200", 0)
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive") if len(times_ms) > 1 else [0.0] * 99
    return Figures(
        connections=connections,
        seconds=round(took_s, 3),
        requests=len(times_ms),
        throughput_per_s=round(good / took_s, 2),
        mean_ms=round(statistics.fmean(times_ms), 3) if times_ms else 0.0,
        p10_ms=round(cuts[9], 3),
        p50_ms=round(cuts[49], 3),
        p90_ms=round(cuts[89], 3),
        p99_ms=round(cuts[98], 3),
        max_ms=round(max(times_ms, default=0.0), 3),
        errors=sum(statuses.values()) - good,
        statuses=dict(statuses),
        client_cpu_share=round(cpu_s / took_s, 3),
    )


def main(argv: list[str] | None = None) -> None:
    """Print one JSON document with a row for each number of connections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url")
    parser.add_argument("files", nargs="+", type=Path, help="bodies, sent in turn")
    parser.add_argument("--connections", default="1,4,16", help="one round for each")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round, without its warm-up")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before each round that do not count")
    parser.add_argument("--content-type", default="image/jpeg")
    parser.add_argument("--form", default="", metavar="FIELD", help="send a multipart form with this field instead")
    parser.add_argument("--header", action="append", default=[], help="one more header line")
    parser.add_argument("--part-ids", action="store_true", help="a part_id of its own for each request")
    asked = parser.parse_args(argv)
    bodies = [path.read_bytes() for path in asked.files]
    kind = asked.content_type
    if asked.form:
        bodies, kind = [form(body, asked.form)[0] for body in bodies], form(b"", asked.form)[1]
    ready = [post(asked.url, body, kind, asked.header) for body in bodies]
    run = f"{time.time_ns():x}"

    def request(number: int) -> bytes:
        if not asked.part_ids:
            return ready[number % len(ready)]
        return post(f"{asked.url}?part_id={run}-{number}", bodies[number % len(bodies)], kind, asked.header)

    rows = [
        asdict(load(asked.url, request, int(count), asked.seconds, warm_up_s=asked.warm_up))
        for count in asked.connections.split(",")
    ]
    json.dump({"url": asked.url, "body_bytes": [len(body) for body in bodies], "rounds": rows}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
