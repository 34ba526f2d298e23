"""Ray under the door: one of our own on this machine, reachable from this machine only, or a place in one that runs already."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Event, Thread

from lineproof.errors import EngineError, SettingsError

SCHEME = "ray"
LOOK_S = 2.0  # how often the replicas are counted
KNOCK_S = 5.0
_STORE_BYTES = 512 << 20  # frames on their way between processes: 140 of 1280×960; taken only when used

# Read by Ray when it is imported and by every process it starts.
_ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no calls home
    "RAY_ENABLE_AUTO_CONNECT": "0",  # a late question must not start a second Ray
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "1",  # the door asks from threads, whatever this machine's settings say
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # it prints to stdout, which belongs to the verb's answer
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it would take SIGTERM from the door and end it at once
}
_OUR_OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as on those: every port of Ray on 127.0.0.1, none on the network
    "RAY_AUTH_MODE": "token",  # other users of this machine cannot send it code
    "RAY_prestart_worker_first_driver": "0",  # the replicas are all the workers there will be
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the replicas run; without an address on a Ray of our own."""

    address: str = ""

    @classmethod
    def parse(cls, text: str) -> Place:
        """`ray`, or `ray://HOST:PORT` of a cluster that this machine belongs to, or `ray://auto`; raises SettingsError."""
        scheme, mark, address = text.partition("://")
        host, colon, port = address.rpartition(":")
        fine = not mark or address == "auto" or (host and colon and port.isdecimal())
        if scheme != SCHEME or not fine:
            hint = "--on ray, or --on ray://HOST:6379 on a machine that joined that cluster"
            raise SettingsError(f"--on {text}: not understood", hint=hint)
        return cls(address)

    def knock(self) -> None:
        """Raise OSError when nobody listens there; Ray itself tries for minutes."""
        host, colon, port = self.address.rpartition(":")
        if colon:
            socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


class RayKeeper:
    """Holds Ray from `start` to `stop` on a thread of its own.

    Linux ends the processes of our own Ray together with the thread that started them, so that none outlives a door
    that was killed; that thread must therefore live as long as the door.
    """

    def __init__(self, place: Place, *, cpus: int, gpus: int | None) -> None:
        """`cpus` and `gpus` are what our own Ray offers; None: as many as it finds."""
        self.place = place
        self._cpus = cpus
        self._gpus = gpus
        self._up: Future[None] = Future()
        self._done = Event()
        self._thread = Thread(target=self._hold, name="lineproof-ray", daemon=True)
        self._look: Callable[[], None] = lambda: None
        self._leave: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Return once Ray is up; raises EngineError when it does not come up."""
        if self._done.is_set():
            raise EngineError("stopped before it was ready")
        self._thread.start()
        self._up.result()

    def attend(self, *, look: Callable[[], None], leave: Callable[[], None]) -> None:
        """Call `look` every `LOOK_S` seconds, and `leave` before Ray is left."""
        self._look, self._leave = look, leave

    def stop(self) -> None:
        """End our own Ray with all its processes, or leave the other one; may be called twice."""
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _hold(self) -> None:
        folder = "" if self.place.address else tempfile.mkdtemp(prefix="lp-ray-")
        try:
            self._connect(folder)
            while not self._done.wait(LOOK_S):
                self._look()
            self._leave()
        except (RuntimeError, OSError, ValueError, AssertionError) as error:  # ConnectionError is an OSError
            if not self._up.done():
                where = self.place.address or "this machine"
                line = (str(error).strip() or type(error).__name__).splitlines()[0]
                hint = "is this machine a node of that cluster? ray start --address=…" if self.place.address else ""
                self._up.set_exception(EngineError(f"Ray on {where}: {line}", hint=hint))
        finally:
            _shutdown(folder)

    def _connect(self, folder: str) -> None:
        os.environ.update(_ALWAYS)
        if folder:
            os.environ.update(_OUR_OWN)
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # for this run; none is kept in the home folder
        import ray

        common = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "lineproof"}
        if folder:
            ray.init(
                address="local",
                num_cpus=self._cpus,
                num_gpus=self._gpus,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _temp_dir=folder,
                **common,
            )
        else:
            self.place.knock()
            ray.init(address=self.place.address, **common)
        self._up.set_result(None)


def _shutdown(folder: str) -> None:
    import ray

    # Serve's router lives on a loop of its own that cannot be ended; an update that reaches it now finds no Ray.
    logging.getLogger("asyncio").addFilter(not_of_a_ray_that_was_left)
    ray.shutdown()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def not_of_a_ray_that_was_left(record: logging.LogRecord) -> bool:
    """Let every line pass but the traceback of a callback that asked a Ray which is gone."""
    from ray.exceptions import RaySystemError

    return not (record.exc_info and isinstance(record.exc_info[1], RaySystemError))
