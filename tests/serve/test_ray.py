"""The engine on replicas behind the one door: each part by itself, then all of it on a real Ray of this machine."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from builders import image
from lineproof.cli.assemble import open_inspector
from lineproof.cli.serve_ray import ReplicaPlan, build_replica, ray_fleet
from lineproof.core import Frame
from lineproof.engine.scripted import Hang, ScriptedEngine
from lineproof.errors import BundleError, EngineError, SettingsError
from lineproof.rules.tolerance import Rules
from lineproof.serve.answer import inspection_document
from lineproof.serve.ray_app import Fleet
from lineproof.serve.ray_cluster import Place, not_of_a_ray_that_was_left
from lineproof.serve.ray_engine import RayEngine
from lineproof.serve.ray_replica import EngineFacts, Replica, ReplicaParts
from serve.served import until
from tiny_bundle import PARTS, tiny_bundle

NO_RAY = "needs the scale extra: ray is not installed"
TOKEN = "a-secret-of-many-letters"


# What is asked for


@pytest.mark.parametrize(
    ("text", "address"),
    [("ray", ""), ("ray://auto", "auto"), ("ray://10.0.0.5:6379", "10.0.0.5:6379"), ("ray://[::1]:6379", "[::1]:6379")],
)
def test_a_place_is_here_or_a_cluster(text, address):
    assert Place.parse(text).address == address


@pytest.mark.parametrize("text", ["", "rays", "kubernetes", "ray:", "ray://", "ray://host", "ray://host:", "ray://:1"])
def test_any_other_place_is_refused(text):
    with pytest.raises(SettingsError, match="--on"):
        Place.parse(text)


def test_a_cluster_that_is_not_there_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = Place.parse(f"ray://127.0.0.1:{listener.getsockname()[1]}")
        place.knock()
    with pytest.raises(OSError):
        place.knock()


@pytest.mark.parametrize(("cores", "on_gpu", "replicas"), [(8, False, 7), (8, True, 1), (1, False, 1)])
def test_replicas_leave_a_core_to_the_door(cores, on_gpu, replicas):
    assert Fleet.of("ray", None, cores=cores, on_gpu=on_gpu, deadline_ms=1).replicas == replicas


@pytest.mark.parametrize(("on", "replicas"), [("ray", 0), ("ray", 9), ("ray://auto", None), ("ray://auto", 0)])
def test_replicas_out_of_range_are_refused(on, replicas):
    with pytest.raises(SettingsError, match="--replicas"):
        Fleet.of(on, replicas, cores=8, on_gpu=False, deadline_ms=1)


def test_replicas_without_ray_are_refused():
    with pytest.raises(SettingsError, match="is for --on ray"):
        ray_fleet(None, 2, cores=lambda: 2, provider="cpu", deadline_ms=1).__enter__()


# One replica


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    tiny_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def plan(bundle: Path, **changes: object) -> ReplicaPlan:
    from lineproof import __version__
    from lineproof.bundle import open_bundle

    facts = {"digest": open_bundle(bundle).digest, "rules": Rules(), "regions": (), "provider": "cpu"}
    return ReplicaPlan(**{"bundle": bundle, "version": __version__, **facts, **changes})


def test_a_replica_answers_as_the_engine_does(sealed):
    replica = Replica(lambda: build_replica(plan(sealed)), 10, on_loopback=False)
    inspector, _ = open_inspector(sealed, Rules(), "cpu")
    for picture in PARTS.values():
        found, _, provider = replica.detect(picture)
        np.testing.assert_array_equal(found.score, inspector.engine.detect(picture)[0].score)
        assert provider == "CPUExecutionProvider"
    assert replica.about().classes == ("blue", "red")
    replica.check_health()


def test_another_bundle_under_the_same_path_is_refused(sealed):
    with pytest.raises(BundleError, match="another bundle than at the door"):
        build_replica(plan(sealed, digest="0" * 64))


def test_another_version_is_refused(sealed):
    with pytest.raises(EngineError, match=r"0\.0\.1 at the door"):
        build_replica(plan(sealed, version="0.0.1"))


@dataclass
class Probing:
    """Counts how often the probes were replayed; broken, they disagree."""

    broken: bool = False
    times: int = 0

    def __call__(self) -> None:
        self.times += 1
        if self.broken:
            raise EngineError("probe a.png: 1 detection instead of 2")


def scripted(*answers: object, stuck_s: float = 10) -> tuple[Replica, Probing]:
    probing = Probing()
    parts = ReplicaParts(ScriptedEngine(("scratch",), answers), "", probing)
    return Replica(lambda: parts, stuck_s, on_loopback=False), probing


def test_a_failed_run_makes_it_replay_the_probes_once():
    replica, probing = scripted(EngineError("too many detections"))
    replica.check_health()
    assert probing.times == 0
    with pytest.raises(EngineError, match="too many"):
        replica.detect(image())
    replica.check_health()
    replica.check_health()
    assert probing.times == 1


def test_an_engine_whose_probes_disagree_stays_unhealthy():
    replica, probing = scripted(EngineError("the run failed"))
    with pytest.raises(EngineError):
        replica.detect(image())
    probing.broken = True
    for _ in range(2):
        with pytest.raises(EngineError, match="instead of 2"):
            replica.check_health()


def unhealthy(replica: Replica) -> bool:
    try:
        replica.check_health()
    except EngineError as error:
        return "busy with one image" in error.message
    return False


def test_an_engine_that_hangs_is_unhealthy_until_it_returns():
    hang = Hang()
    replica, _ = scripted(hang, stuck_s=0)
    thread = threading.Thread(target=replica.detect, args=(image(),))
    thread.start()
    until(lambda: unhealthy(replica))
    hang.release.set()
    thread.join()
    replica.check_health()


# The door's side, before a handle that answers what it was told


@pytest.fixture(scope="module")
def _ray() -> None:
    """Ray, imported; it warns of itself while it is."""
    if find_spec("ray") is None:
        pytest.skip(NO_RAY)
    with warnings.catch_warnings(action="ignore"):
        import ray.serve  # noqa: F401


class Handle:
    """`handle.detect.remote(image).result(timeout_s=…)`."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.cancelled = 0
        self.detect = self

    def remote(self, _: np.ndarray) -> Handle:
        return self

    def result(self, *, timeout_s: float) -> object:
        assert timeout_s == 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cancel(self) -> None:
        self.cancelled += 1


def behind(*answers: object) -> tuple[RayEngine, Handle]:
    handle = Handle(*answers)
    return RayEngine(handle, EngineFacts(("scratch",), "CPU", "", (64, 64)), timeout_s=1), handle


def found(provider: str = "CPU") -> tuple[object, ...]:
    return (*ScriptedEngine(("scratch",)).detect(image()), provider)


@pytest.mark.usefixtures("_ray")
def test_an_image_whose_replica_died_goes_to_another_one_once():
    from ray.exceptions import RayActorError

    engine, _ = behind(RayActorError(), found())
    assert len(engine.detect(image())[0]) == 0
    engine, _ = behind(RayActorError(), RayActorError())
    with pytest.raises(EngineError, match="so did the next one"):
        engine.detect(image())


@pytest.mark.usefixtures("_ray")
def test_what_a_replica_raised_is_said_in_its_words():
    from ray.exceptions import RayTaskError

    error = RayTaskError("detect", "traceback", EngineError("the run failed: no memory", hint="smaller images"))
    with pytest.raises(EngineError, match="the run failed: no memory") as raised:
        behind(error)[0].detect(image())
    assert raised.value.hint == "smaller images"


@pytest.mark.usefixtures("_ray")
def test_no_answer_in_time_is_an_error_and_is_cancelled():
    engine, handle = behind(TimeoutError())
    with pytest.raises(EngineError, match="within 1 s"):
        engine.detect(image())
    assert handle.cancelled == 1


@pytest.mark.usefixtures("_ray")
def test_other_hardware_than_announced_is_an_error():
    with pytest.raises(EngineError, match="one replica runs on CUDA, others on CPU"):
        behind(found("CUDA"))[0].detect(image())


@pytest.mark.usefixtures("_ray")
def test_several_images_come_back_in_their_order():
    assert len(behind(found(), found())[0].detect_many([image(), image()])) == 2


# All of it


@dataclass
class Life:
    url: str
    bundle: Path
    process: subprocess.Popen[str]

    def post(self, picture: np.ndarray, **query: str) -> httpx.Response:
        data = cv2.imencode(".png", picture)[1].tobytes()
        with httpx.Client(base_url=self.url, timeout=30, verify=False) as client:
            return client.post("/v1/inspect", params=query, content=data, headers=BEARER)

    def get(self, path: str, **options: object) -> httpx.Response:
        with httpx.Client(base_url=self.url, timeout=30, verify=False) as client:
            return client.get(path, **options)


BEARER = {"Authorization": f"Bearer {TOKEN}"}
REPLICAS = min(2, os.cpu_count() or 1)


def family(pid: int) -> dict[int, str]:
    """Command lines of a process and all its descendants."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return {member: _command(member) for member in members}


def _command(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def listening(pids: set[int]) -> set[str]:
    """Addresses (hex, as the kernel writes them) on which these processes accept connections."""
    sockets = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(entry.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            column = line.split()
            if column[3] == "0A" and f"socket:[{column[9]}]" in sockets:
                found.add(column[1].partition(":")[0])
    return found


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A door on a Ray of its own, ready."""
    if find_spec("ray") is None:
        pytest.skip(NO_RAY)
    if sys.platform != "linux":
        pytest.skip("looks into /proc")
    tmp = tmp_path_factory.mktemp("ray")
    tiny_bundle(tmp / "bundle")
    command = [sys.executable, "-m", "lineproof", "serve", str(tmp / "bundle"), "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--provider", "cpu", "--on", "ray", "--replicas", str(REPLICAS)],
        env={**os.environ, "LINEPROOF_TOKEN": TOKEN, "PYTHONPATH": str(Path(__file__).parents[2] / "inspect")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        life = Life(_url(process), tmp / "bundle", process)
        assert life.get("/v1/health/live").status_code == 200  # while Ray still starts
        deadline = time.monotonic() + 120
        while life.get("/v1/health/ready", headers=BEARER).status_code != 200:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield life
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def _url(process: subprocess.Popen[str]) -> str:
    """What it says about where it listens."""
    assert process.stderr is not None
    for line in process.stderr:
        if " on http://" in line:
            return line.partition(" on ")[2].partition(",")[0]
    pytest.fail("it ended before it listened")


def test_decisions_are_those_of_the_plain_door(life):
    inspector, bundle = open_inspector(life.bundle, Rules(), "cpu")
    for number, (name, picture) in enumerate(PARTS.items()):
        told = life.post(picture, part_id=f"same-{number}").json()
        wanted = inspection_document(inspector.inspect(Frame(picture, name, "test")))
        for fact in ("decision", "reasons", "detections", "provider", "bundle", "model_input", "image"):
            assert told[fact] == json.loads(json.dumps(wanted[fact]))
    assert life.get("/v1/health/ready", headers=BEARER).json()["bundle"]["digest"] == bundle.digest


def test_nobody_comes_in_without_the_token(life):
    assert life.get("/v1/health/ready").status_code == 401
    with httpx.Client(base_url=life.url, verify=False) as client:
        assert client.post("/v1/inspect", content=b"x").status_code == 401


def test_a_part_sent_again_meets_its_first_inspection_whichever_replica_made_it(life):
    picture = PARTS["blue.png"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: life.post(picture, part_id="again").json()["inspection_id"], range(24)))
    assert len(set(answers)) == 1
    other = life.post(PARTS["ok.png"], part_id="again")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "part_conflict")


def test_every_replica_works_and_no_port_is_on_the_network(life):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: life.post(PARTS["ok.png"], part_id=f"many-{number}"), range(40)))
    assert {answer.json()["decision"] for answer in answers} == {"PASS"}
    everyone = family(life.process.pid)
    assert sum("ServeReplica" in command for command in everyone.values()) == REPLICAS
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert listening(set(everyone)) <= loopback
    assert listening(set(everyone))


@pytest.mark.skipif(REPLICAS < 2, reason="needs two cores")
def test_a_replica_that_dies_costs_no_part(life):
    replicas = [pid for pid, command in family(life.process.pid).items() if "ServeReplica" in command]
    os.kill(replicas[0], signal.SIGKILL)
    for number in range(10):
        assert life.post(PARTS["ok.png"], part_id=f"after-{number}").json()["decision"] == "PASS"


def test_a_stop_ends_the_door_and_every_process_of_ray(life):
    everyone = family(life.process.pid)
    (session,) = set(re.findall(r"[^= ]*/lp-ray-\w+", " ".join(everyone.values())))
    assert Path(session).is_dir()
    life.process.send_signal(signal.SIGTERM)  # Ray, left to itself, would take this one from the door
    out, err = life.process.communicate(timeout=60)
    assert life.process.returncode == 0, err
    assert out.startswith("{"), (out, err)
    assert json.loads(out)["ready"] is True
    assert "Traceback" not in err
    left = [pid for pid, command in everyone.items() if "ray" in command and _command(pid) == command]
    assert left == []
    assert not Path(session).exists()


@pytest.mark.skipif(find_spec("ray") is None, reason=NO_RAY)
def test_only_a_callback_that_found_no_ray_is_not_told_after_the_stop():
    from ray.exceptions import RaySystemError

    def line(error):
        told = (type(error), error, None) if error else None
        return logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "Exception in callback", None, told)

    assert not not_of_a_ray_that_was_left(line(RaySystemError("Ray has not been started yet")))
    assert not_of_a_ray_that_was_left(line(ValueError("another")))
    assert not_of_a_ray_that_was_left(line(None))
