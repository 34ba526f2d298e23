"""Streams through FFMPEG: servers on the loopback that are mute, fall silent, or come back."""

from __future__ import annotations

import socket
import threading
import time

import cv2
import numpy as np
import pytest

from camera_grabs import grab
from lineproof.errors import SourceLost
from lineproof.sources.lease import Lease
from lineproof.sources.open import open_source
from lineproof.sources.settings import StreamSettings
from lineproof.sources.stream import open_ffmpeg, open_stream


class TcpCamera:
    """Sends the same recording to whoever connects, then stays connected and silent."""

    def __init__(self, recording: bytes) -> None:
        self.recording = recording
        self.connections = 0
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self.threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                client.sendall(self.recording)
            except OSError:
                return  # the line hung up
            self.over.wait(20)

    def end(self) -> None:
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for thread in self.threads:
            thread.join(5)


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> bytes:
    """Two seconds of noise that moves, as MPEG-TS."""
    path = tmp_path_factory.mktemp("stream") / "two_seconds.ts"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    random = np.random.default_rng(0)
    for _ in range(50):
        writer.write(random.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.fixture
def camera():
    started = []

    def start(data: bytes) -> TcpCamera:
        started.append(TcpCamera(data))
        return started[-1]

    yield start
    for one in started:
        one.end()


def settings(url: str, **changes: object) -> StreamSettings:
    facts = {"open_timeout_s": 1, "stall_s": 1, "discard_frames": 1, "backoff_s": 0.02, "name": "cam"} | changes
    return StreamSettings(kind="stream", url=url, **facts)


def test_a_mute_server_is_given_up_within_the_timeout_and_not_after_half_a_minute(camera):
    since = time.monotonic()
    with pytest.raises(SourceLost, match="no picture came"):
        open_ffmpeg(settings(camera(b"").url))
    assert 0.5 < time.monotonic() - since < 5  # OpenCV's own default: 30 s


def until_lost(source) -> int:
    """How many frames come before the loss."""
    for frames in range(1000):
        try:
            grab(source)
        except SourceLost:
            return frames
    raise AssertionError("it is never lost")


def test_a_stream_that_falls_silent_is_lost_within_the_stall_and_opened_anew(camera, recording):
    server = camera(recording)
    source = open_source(settings(server.url))
    since = time.monotonic()
    try:
        assert until_lost(source) > 10
        assert 0.5 < time.monotonic() - since < 4
        assert grab(source).wh == (64, 48)
        assert server.connections == 2
    finally:
        source.close()


def test_a_stream_serves_several_lines_unless_it_shall_not(camera, recording, tmp_path):
    url = camera(recording).url.replace("tcp://", "tcp://joe:s3cret@")
    one, other = Lease("left", tmp_path), Lease("right", tmp_path)
    for lease in (one, other):
        open_stream(settings(url), lease.claim).close()
    assert not list(tmp_path.iterdir())
    open_stream(settings(url, exclusive=True), one.claim).close()
    with pytest.raises(SourceLost, match=r"^camera tcp://\*\*\*@127\.0\.0\.1:\d+ is held by process") as caught:
        open_stream(settings(url, exclusive=True), other.claim)
    assert "s3cret" not in str(caught.value)
    assert not any("s3cret" in path.name for path in tmp_path.iterdir())
    one.release()
