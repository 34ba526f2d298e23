"""One camera, one reader; with processes of the operating system, because the lock is its."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lineproof.errors import SourceLost
from lineproof.sources import lease as module
from lineproof.sources.lease import Lease, lock_folder, lock_name

RACES = 100
RACER = """
import sys
from pathlib import Path
from lineproof.errors import SourceLost
from lineproof.sources.lease import Lease

folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
lease = None
for line in sys.stdin:  # race for the camera it names, or let go
    if line.strip() == "let go":
        lease.release()
        print("gone", flush=True)
        continue
    lease = Lease(name, folder)
    try:
        lease.claim(line.strip())
        print("mine", flush=True)
    except SourceLost as error:
        print(error, flush=True)
"""


class Racer:
    """A process that claims what it is told."""

    def __init__(self, folder: Path, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RACER, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert self.hear() == "ready"

    def say(self, word: str) -> None:
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def racers(tmp_path):
    started = [Racer(tmp_path, "press-1"), Racer(tmp_path, "press-2"), Racer(tmp_path, "press-3")]
    yield started
    for racer in started:
        racer.end()


def test_of_three_processes_that_race_a_hundred_times_exactly_one_owns_the_camera(racers):
    for race in range(RACES):
        for racer in racers:
            racer.say(f"camera-{race % 5}")
        said = [racer.hear() for racer in racers]
        assert said.count("mine") == 1, (race, said)
        assert all(f"camera-{race % 5} is held by" in words for words in said if words != "mine")
        for racer in racers:
            racer.say("let go")
        assert [racer.hear() for racer in racers] == ["gone"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a matter of POSIX")
def test_after_kill_9_of_the_owner_the_next_one_gets_the_camera(racers, tmp_path):
    owner = racers[0]
    owner.say("Emulation 0815")
    assert owner.hear() == "mine"
    mine = Lease("press-9", tmp_path)
    with pytest.raises(SourceLost) as caught:
        mine.claim("Emulation 0815")
    assert caught.value.message == f"camera Emulation 0815 is held by process {owner.process.pid} (press-1)"
    owner.process.send_signal(signal.SIGKILL)
    owner.process.wait(5)
    mine.claim("Emulation 0815")
    mine.release()


def test_the_same_process_twice_is_refused_too(tmp_path):
    first, second = Lease("left", tmp_path), Lease("right", tmp_path)
    first.claim("cam")
    with pytest.raises(SourceLost, match=rf"^camera cam is held by process {os.getpid()} \(left\) – stop the other"):
        second.claim("cam")
    second.claim("another cam")
    first.release()
    second.claim("cam")
    first = Lease("left", tmp_path)
    first.claim("another cam")  # a lease holds one camera: the second has let go of this one


def test_claiming_again_changes_nothing_and_a_released_lease_claims_no_more(tmp_path):
    lease = Lease("left", tmp_path)
    lease.claim("cam")
    lease.claim("cam")  # a fresh handle of the same source
    lease.release()
    lease.release()
    with pytest.raises(SourceLost, match="the source was closed"):
        lease.claim("cam")  # a thread that was left behind in a driver
    Lease("right", tmp_path).claim("cam")


def test_a_holder_that_left_is_not_named(tmp_path):
    lease = Lease("left", tmp_path)
    lease.claim("cam")
    lease.release()
    assert (tmp_path / lock_name("cam")).read_text().strip() == ""


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ("acA1920-40gm 21756000", "acA1920-40gm_21756000"),
        ("rtsp://***@10.0.0.5:554/live?channel=2", "rtsp_10.0.0.5_554_live_channel_2"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_lock_is_one_file_name_whatever_the_camera_is_called(camera, words):
    assert lock_name(camera).startswith(f"lineproof-camera-{words}-")
    assert "/" not in lock_name(camera)
    assert lock_name(camera) != lock_name(camera + "'")


def test_a_lock_that_cannot_be_made_is_one_line(tmp_path):
    with pytest.raises(SourceLost, match=r"^camera cam: .* cannot be opened \(No such file"):
        Lease("left", tmp_path / "gone").claim("cam")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_a_link_laid_in_the_way_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("keep")
    (tmp_path / lock_name("cam")).symlink_to(target)
    with pytest.raises(SourceLost, match="cannot be opened"):
        Lease("left", tmp_path).claim("cam")
    assert target.read_text() == "keep"


def test_all_users_of_a_machine_meet_in_one_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOCKS", tmp_path)
    assert lock_folder() == tmp_path
    monkeypatch.setattr(module, "LOCKS", tmp_path / "gone")
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: "/var/tmp")
    assert lock_folder() == Path("/var/tmp")
