"""Nothing is left behind: no process, no memory, no warning, however the line ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from line.engine_room.rooms import held, job, open_files, rig, wait_for
from lineproof.line.engine_room.events import Done, Lost, Ready

TESTS = Path(__file__).resolve().parents[2]
LINE = """
import sys, time
from line.engine_room.rooms import Rig, job
from lineproof.line.engine_room.events import Done, Ready
if __name__ == "__main__":
    made = Rig(slots=2)
    made.room.start()
    made.next(Ready)
    for order in sys.argv[2:]:
        assert made.room.submit(job(order))
    if sys.argv[1] == "ends":
        made.next(Done)
    print(made.pid, flush=True)
    while sys.argv[1] == "waits":
        time.sleep(1)
"""


@pytest.fixture
def line(tmp_path):
    """Start a line of its own: `line("waits", "hang")` has an engine that hangs, and waits to be killed."""
    script = tmp_path / "a_line.py"
    script.write_text(LINE)
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "inspect"), os.environ.get("PYTHONPATH", "")])
    started = []

    def start(*arguments: str) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [sys.executable, "-W", "error", script, *arguments],
                env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def shared_memory() -> set[str]:
    """What Python leaves in /dev/shm when it leaves something."""
    return {
        file.name
        for file in Path("/dev/shm").iterdir()
        if file.name.startswith(("psm_", "pym-", "sem.mp-", "lineproof"))
    }


def nobody_left(session: int) -> bool:
    """Of the line, its engine, and what multiprocessing starts besides; the dead that nobody has buried do not count."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _parent, group = stat.read_text().rpartition(") ")[2].split()[:3]
            if int(group) == session and state not in "ZX":
                return False
    return True


@pytest.mark.parametrize("orders", [(), ("hang",)], ids=["idle", "hanging"])
def test_the_line_is_killed(line, orders):
    before = shared_memory()
    process = line("waits", *orders)
    int(process.stdout.readline())
    process.kill()
    process.wait()
    wait_for(lambda: nobody_left(process.pid))
    assert process.stderr.read() == ""
    assert shared_memory() <= before


def test_whoever_forgets_to_close_ends_all_the_same(line):
    process = line("ends", "stdout")
    said, warned = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.strip().isdecimal()  # what libraries print is no answer of the line
    assert warned == "hello from a library\n"
    wait_for(lambda: nobody_left(process.pid))


def test_killed_engines_leave_no_memory_and_no_files():
    before = shared_memory()
    files = None
    with rig(slots=3, restarts=9) as made:
        for _ in range(3):
            assert made.room.submit(job("hang", wh=(640, 480)))
            os.kill(made.pid, signal.SIGKILL)
            made.next(Lost)
            made.next(Ready)
            files = files or open_files()
            assert open_files() == files
        pid = made.pid
    assert shared_memory() <= before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_close_lets_the_part_under_way_end():
    with rig() as made:
        assert made.room.submit(job("hold"))
        wait_for(held(made.gate).exists)
        made.gate.touch()
    assert made.next(Done)


def test_close_ends_an_engine_that_hangs():
    with rig() as made:
        hanging = job("hang")
        assert made.room.submit(hanging)
    assert made.next(Lost) == Lost("the engine was closed", (hanging,))
    assert not made.room._thread.is_alive()


def test_ctrl_c_while_the_engine_is_being_made_ready(capfd):
    """The line may want its last parts inspected; and a traceback helps nobody."""
    with rig(wait=False) as made:
        wait_for(lambda: made.room._process is not None)
        os.kill(made.pid, signal.SIGINT)
        made.next(Ready)
    assert capfd.readouterr().err == ""
