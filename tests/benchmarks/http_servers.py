"""The services side by side: how each is started, when it answers, what it takes of memory and cores."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
PEERS = HERE / "http_peers"
START_S = 120.0  # Ray takes 10 s on a quiet machine, with cold files several times that
IDLE_CORES = 0.05  # below this a service counts as idle
SETTLE_S = 3.0  # how long a service may take to fall idle after the load has gone


@dataclass(frozen=True)
class Pair:
    """One model twice: sealed for lineproof, and as the stock graph everybody else runs."""

    bundle: Path
    stock: Path
    size: int  # pixels, the longer side of the stock graph's input

    def sealed_input(self) -> dict[str, Any]:
        """Width, height and layout of the bundle's input."""
        return json.loads((self.bundle / "manifest.json").read_text())["input"]


@dataclass(frozen=True)
class Row:
    """One way to serve a model."""

    name: str
    needs: tuple[str, ...]  # modules of its Python
    command: Callable[[Pair, int], list[str]]  # pair and port → arguments after the Python
    path: str = "/"
    peer: bool = True  # runs in the peers' Python


def rows(lineproof_arguments: list[str]) -> tuple[Row, ...]:
    """All of them."""

    def script(name: str, *more: str) -> Callable[[Pair, int], list[str]]:
        return lambda pair, port: [str(PEERS / name), str(pair.stock), str(port), *more]

    return (
        Row(
            "lineproof serve",
            ("lineproof",),
            lambda pair, port: [
                "-m", "lineproof", "serve", str(pair.bundle), "--port", str(port), *lineproof_arguments,
            ],
            path="/v1/inspect",
            peer=False,
        ),
        Row(
            "FastAPI + ultralytics",
            ("fastapi", "ultralytics", "onnxruntime"),
            lambda pair, port: [str(PEERS / "fastapi_ultralytics.py"), str(pair.stock), str(port), str(pair.size)],
        ),
        Row("LitServe + ORT, 1 × 2 threads", ("litserve", "onnxruntime"), script("litserve_onnx.py", "1", "2")),
        Row("LitServe + ORT, 2 × 1 thread", ("litserve", "onnxruntime"), script("litserve_onnx.py", "2", "1")),
        Row("Ray Serve + ORT, 2 × 1 thread", ("ray.serve", "onnxruntime"), script("ray_serve.py", "2")),
        Row("bare ASGI + ORT, 2 × 1 thread", ("uvicorn", "onnxruntime"), script("bare_asgi.py", "2")),
    )  # fmt: skip


class NotRun(Exception):
    """Why a row has no figures."""


@dataclass
class Server:
    """One running service and all its processes."""

    row: Row
    url: str
    process: subprocess.Popen[bytes]
    start_s: float
    log: Path
    peak_rss_mib: float = 0.0
    peak_pss_mib: float = 0.0
    idle_cores: float = field(default=0.0)

    def members(self) -> list[psutil.Process]:
        """It and everything it started."""
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """Processor seconds of all living members so far."""
        total = 0.0
        for member in self.members():
            with contextlib.suppress(psutil.Error):
                times = member.cpu_times()
                total += times.user + times.system
        return total

    def settle(self) -> None:
        """Wait until nothing is left of the load, and note what the service takes when idle."""
        until = time.perf_counter() + SETTLE_S
        while True:
            before, started = self.cpu_s(), time.perf_counter()
            time.sleep(0.2)
            self.idle_cores = (self.cpu_s() - before) / (time.perf_counter() - started)
            if self.idle_cores <= IDLE_CORES or time.perf_counter() > until:
                return

    def note_memory(self) -> None:
        """Resident memory of all members: as a sum (shared pages count in each) and proportionally."""
        rss = pss = 0
        for member in self.members():
            with contextlib.suppress(psutil.Error):
                memory = member.memory_full_info()
                rss, pss = rss + memory.rss, pss + memory.pss
        self.peak_rss_mib = max(self.peak_rss_mib, rss / 2**20)
        self.peak_pss_mib = max(self.peak_pss_mib, pss / 2**20)

    def stop(self) -> None:
        """End it with everything it started."""
        members = self.members()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.terminate()
        for member in psutil.wait_procs(members, timeout=3)[1]:
            with contextlib.suppress(psutil.Error):
                member.kill()


def start(row: Row, pair: Pair, peer_python: str, picture: bytes, logs: Path) -> Server:
    """Start a service and wait for its first decision; raises NotRun."""
    python = peer_python if row.peer else sys.executable
    missing = [name for name in row.needs if not _importable(python, name)]
    if missing:
        raise NotRun(f"not installed in {'the peers’ Python' if row.peer else 'this Python'}: {', '.join(missing)}")
    port = _free_port()
    log = logs / f"{row.name.replace(' ', '_').replace('/', '_')}_{pair.size}.log"
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [python, *row.command(pair, port)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=_environment(logs), cwd=logs, start_new_session=True,
        )  # fmt: skip
    server = Server(row, f"http://127.0.0.1:{port}{row.path}", process, 0.0, log)
    while not _answers(server.url, picture):
        if process.poll() is not None or time.monotonic() - began > START_S:
            server.stop()
            lines = log.read_text(errors="replace").strip().splitlines()
            raise NotRun(f"did not start: {lines[-1][:200] if lines else 'no word'}")
        time.sleep(0.02)
    server.start_s = time.monotonic() - began
    return server


def _answers(url: str, picture: bytes) -> bool:
    request = urllib.request.Request(url, picture, {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _environment(folder: Path) -> dict[str, str]:
    """Nothing is fetched or reported by anybody during a measurement."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", "")))),
        "YOLO_AUTOINSTALL": "False",
        "YOLO_OFFLINE": "1",
        "YOLO_VERBOSE": "False",
        "YOLO_CONFIG_DIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _importable(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module.partition('.')[0]!r}) is None)"
    return Path(python).exists() and subprocess.run([python, "-c", code], check=False).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
