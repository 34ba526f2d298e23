"""An HTTP camera of forty lines that stalls, cuts and truncates on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

Act = Callable[["Camera"], None]


def jpeg(grey: int, wh: tuple[int, int] = (64, 48)) -> bytes:
    """A JPEG whose every pixel is `grey`."""
    return cv2.imencode(".jpg", np.full((wh[1], wh[0], 3), grey, np.uint8))[1].tobytes()


def picture(data: bytes, announced: int | None = None) -> Act:
    """One part of the stream; `announced` is the length in its header, -1 for none."""

    def act(camera: Camera) -> None:
        length = len(data) if announced is None else announced
        header = "" if length < 0 else f"Content-Length: {length}\r\n"
        camera.wfile.write(f"--cut\r\nContent-Type: image/jpeg\r\n{header}\r\n".encode() + data + b"\r\n")

    return act


def stall(camera: Camera) -> None:
    """Stay connected and silent until the test is over."""
    camera.server.over.wait(20)


class Camera(BaseHTTPRequestHandler):
    """Plays one script per connection; the last script is played again."""

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            script = server.scripts[min(server.connections, len(server.scripts) - 1)]
            server.connections += 1
            server.headers_seen.append(dict(self.headers))
        self.send_response(200)
        self.send_header("Content-Type", server.content_type)
        self.end_headers()
        try:
            for act in script:
                act(self)
        except OSError:
            return  # the client hung up

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """What a test talks to: its URL, and how often somebody connected."""

    daemon_threads = True
    content_type = "multipart/x-mixed-replace; boundary=cut"

    def __init__(self, scripts: tuple[tuple[Act, ...], ...]) -> None:
        super().__init__(("127.0.0.1", 0), Camera)
        self.scripts = scripts
        self.connections = 0
        self.headers_seen: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/video"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
