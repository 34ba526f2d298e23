"""A PostgreSQL server of its own for a test: a fresh cluster in a temporary folder, on a socket in it, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0
PROGRAMS = ("initdb", "postgres", "createdb")


def programs() -> Path | None:
    """Where `initdb` and `postgres` lie; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in places[::-1] if all((place / name).is_file() for name in PROGRAMS)), None)


def unprivileged() -> dict[str, object]:
    """Arguments of a process that PostgreSQL agrees to run as: it refuses root."""
    if os.getuid() != 0:
        return {}
    user = next((entry for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody")), None)
    if user is None:
        raise LookupError("root, and no user `postgres` or `nobody` to run a server as")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def server() -> Iterator[str]:
    """A URL of an empty database `records`; stopped at once in the end."""
    place, user = programs(), unprivileged()
    assert place is not None
    with tempfile.TemporaryDirectory(prefix="pg-") as name:  # short: a socket's path has 107 characters at most
        folder = Path(name)
        if user:
            os.chown(folder, int(str(user["user"])), int(str(user["group"])))
        data = folder / "data"
        run = {"capture_output": True, "cwd": folder, **user}
        subprocess.run(
            [place / "initdb", "-D", data, "-U", "line", "--auth=trust", "-E", "UTF8", "--no-sync"], check=True, **run
        )
        command = [
            place / "postgres",
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "shared_buffers=16MB",
            "-c",
            "fsync=off",
        ]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)
        try:
            _wait(process, folder)
            subprocess.run([place / "createdb", "-h", folder, "-U", "line", "records"], check=True, **run)
            yield f"postgresql+psycopg://line@/records?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)  # "fast": sessions are cut off
            process.wait(START_S)
            log.close()


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up = time.monotonic() + START_S
    while not (folder / ".s.PGSQL.5432").exists() or "ready to accept" not in (folder / "log").read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"no server: {(folder / 'log').read_text()}")
        time.sleep(0.05)
