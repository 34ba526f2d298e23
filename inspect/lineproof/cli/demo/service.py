"""A server for a few questions, and the questions."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lineproof.cli.output import messages
from lineproof.errors import EngineError

READY_WITHIN_S = 60.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a plant's proxy


@contextmanager
def serving(folder: Path, line_file: str, commands: list[str]) -> Iterator[str]:
    """`lineproof serve` in its own process, ready; ended with Ctrl-C's signal."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = ["serve", line_file, "--port", str(port)]
    commands.append(shlex.join(["lineproof", *argv]))
    messages.print(f"[dim]$ {commands[-1]}")
    process = subprocess.Popen([sys.executable, "-m", "lineproof", *argv], cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def ask(url: str, body: bytes | None = None) -> dict[str, Any]:
    """POST a body, or GET; the JSON of the answer."""
    with _direct.open(urllib.request.Request(url, data=body), timeout=30) as response:  # noqa: S310 (our own loopback)
        answer: dict[str, Any] = json.load(response)
    return answer


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            ask(f"{url}/v1/health/ready")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise EngineError(f"the server at {url} did not become ready")
