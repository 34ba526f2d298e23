"""`kill -9` in the middle of writing: the database opens, and every image that a row names is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builders import image, inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.verify import verify

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")

ROUNDS = 8
# Imports once, then forks a writer per round and kills it at another moment each time.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
import numpy as np
from builders import inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.verify import verify

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
pixels = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
fail = Verdict(Decision.FAIL, (Reason("r", "t"),))

def write_for_ever():
    journal = Journal.open(RecordSettings(folder=folder, retention={"min_free_gb": 0}))
    number = 0
    while True:
        number += 1
        journal.put(inspection(f"{os.getpid()}-{number}", fail), pixels)
        time.sleep(0.002)

def images():
    return sum(1 for _ in folder.rglob("*.png"))

for turn in range(rounds):
    before = images()
    child = os.fork()
    if child == 0:
        write_for_ever()
    while images() <= before + 2:
        time.sleep(0.002)
    time.sleep(0.003 * turn)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = verify(open_records(folder))
    print(json.dumps([found.rows, found.images, found.unnamed_files, [d.what + d.why for d in found.damages]]), flush=True)
"""


def test_kill_nine_leaves_whole_records(tmp_path):
    tests = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(ROUNDS)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])},
    )
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) == ROUNDS
    assert all(damages == [] for *_, damages in rounds)
    rows = [row[0] for row in rounds]
    assert rows == sorted(rows)  # nothing that was once written went
    assert rows[-1] > 0

    Journal.open(RecordSettings(folder=tmp_path)).close()
    found = verify(open_records(tmp_path))
    assert (found.unnamed_files, found.damages) == (0, ())
    assert found.images == found.rows >= rows[-1]  # a commit may be on the disk and not yet seen by readers
    assert not list(tmp_path.rglob("*.part"))


def killed(folder: Path) -> None:
    """What the lock file holds after `kill -9`, a minute after the start."""
    (folder / "journal.lock").write_text(f"4711 {int(time.time()) - 60}".ljust(39) + "\n")


def make_day(folder: Path) -> Path:
    day = folder / "images" / "2026-11-23"
    day.mkdir(parents=True)
    for name in (
        "055444.123_FAIL_p_0a.png",
        "055444.124_PASS_p_0b.jpg",
        ".055444.125_FAIL_p_0c.png.abc.part",
        "photo of the camera.png",
    ):
        (day / name).write_bytes(b"x")
    return day


def names(day: Path) -> list[str]:
    return sorted(path.name for path in day.iterdir())


def test_orphans_of_a_killed_writer_go_and_other_files_stay(tmp_path):
    Journal.open(RecordSettings(folder=tmp_path)).close()
    day = make_day(tmp_path)
    killed(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert names(day) == ["photo of the camera.png"]


def test_images_of_before_the_killed_session_stay(tmp_path):
    Journal.open(RecordSettings(folder=tmp_path)).close()
    day = make_day(tmp_path)
    os.utime(day / "055444.123_FAIL_p_0a.png", (0, 0))
    killed(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert names(day) == ["055444.123_FAIL_p_0a.png", "photo of the camera.png"]


def test_images_of_a_database_that_was_moved_away_stay(tmp_path):
    day = make_day(tmp_path)
    killed(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert names(day) == ["055444.123_FAIL_p_0a.png", "055444.124_PASS_p_0b.jpg", "photo of the camera.png"]


def test_after_a_proper_end_nothing_is_swept(tmp_path):
    Journal.open(RecordSettings(folder=tmp_path)).close()
    day = make_day(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert len(names(day)) == 4


def test_rows_of_the_killed_session_keep_their_images(tmp_path):
    journal = Journal.open(RecordSettings(folder=tmp_path, retention={"min_free_gb": 0}))
    journal.put(inspection("p", Verdict(Decision.FAIL, (Reason("r", "t"),))), image())
    journal.close()
    killed(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    assert verify(open_records(tmp_path)).damages == ()


def test_images_that_killed_retention_let_go_and_did_not_remove_go_now(tmp_path, monkeypatch):
    from lineproof.records import retention

    fail = Verdict(Decision.FAIL, (Reason("r", "t"),))
    journal = Journal.open(RecordSettings(folder=tmp_path, retention={"min_free_gb": 0}))
    for name in ("a", "b"):
        journal.put(inspection(name, fail), image())
    journal.close()
    monkeypatch.setattr(retention, "remove_image", lambda *_: None)  # killed before the first file
    one_image = sum(path.stat().st_size for path in tmp_path.rglob("*.png")) / 2
    limit = {"min_free_gb": 0, "max_gb": one_image * 1.5 / 1e9, "delete_rejects": True}
    Journal.open(RecordSettings(folder=tmp_path, retention=limit)).close()
    monkeypatch.undo()
    assert verify(open_records(tmp_path)).unnamed_files == 1
    killed(tmp_path)
    Journal.open(RecordSettings(folder=tmp_path)).close()
    found = verify(open_records(tmp_path))
    assert (found.images, found.unnamed_files, found.damages) == (1, 0, ())
