"""A full disk: the line keeps deciding, failures are counted, and rows come back when there is space."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders import image, inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.errors import RecordError
from lineproof.records import images, writer
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.reserve import NAME, SIZE_BYTES, Reserve
from lineproof.records.settings import RecordSettings
from lineproof.records.store import Store
from lineproof.records.verify import verify

FAIL = Verdict(Decision.FAIL, (Reason("r", "t"),))

# Files may grow to 200 kB, as on a disk that is full for each of them; Python ignores SIGXFSZ, so writes fail with EFBIG.
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from builders import inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.records.journal import Journal
from lineproof.records.settings import RecordSettings

fail = Verdict(Decision.FAIL, (Reason("r", "t"),))
pixels = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)  # 270 kB as PNG
journal = Journal.open(RecordSettings(folder=Path(sys.argv[1]), retention={"min_free_gb": 0}))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
number = 0
while not (journal.health().failing and journal.health().pending > 50):
    number += 1
    journal.put(inspection(str(number), fail), pixels if number % 50 == 0 else None)
    time.sleep(0.001)
full = journal.health()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
recovered = journal.flush(60)
journal.put(inspection("after", fail), pixels)
journal.close()
end = journal.health()
print(json.dumps([number, full.failures, full.last_error, recovered, end.written, end.dropped_rows, end.dropped_images]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs resource limits")
def test_rows_wait_in_memory_for_space(tmp_path):
    tests = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])},
    )
    put, failures, last_error, recovered, written, dropped_rows, dropped_images = json.loads(done.stdout)
    assert failures > 0
    assert last_error
    assert recovered
    assert (written, dropped_rows) == (put + 1, 0)
    found = verify(open_records(tmp_path))
    assert (found.rows, found.unnamed_files, found.damages) == (put + 1, 0, ())
    assert found.images == put // 50 + 1 - dropped_images
    assert not list(tmp_path.rglob("*.part"))
    assert done.stderr == ""


def full(*_args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_gives_up_the_reserve_and_the_oldest_pass_images(tmp_path, monkeypatch):
    free = SIZE_BYTES * 4
    journal = Journal.open(
        RecordSettings(folder=tmp_path, images={"pass_every": 1}, retention={"min_free_gb": 0}), free=lambda _: free
    )
    for number in range(4):
        journal.put(inspection(f"ok{number}"), image())
    assert journal.flush(30)
    assert (tmp_path / NAME).stat().st_size == SIZE_BYTES

    write_bytes, insert, taken = images.atomic.write_bytes, Store.insert, []

    def insert_without_reserve(self, rows):
        if (tmp_path / NAME).exists():
            full()
        taken.extend(rows)
        insert(self, rows)

    monkeypatch.setattr(images.atomic, "write_bytes", full)
    monkeypatch.setattr(Store, "insert", insert_without_reserve)
    free = 0
    journal.put(inspection("bad", FAIL), image())
    assert journal.flush(30)
    assert [row["part_id"] for row in taken] == ["bad"]
    assert not (tmp_path / NAME).exists()
    assert not list(tmp_path.rglob("*_PASS_*.png"))
    monkeypatch.setattr(images.atomic, "write_bytes", write_bytes)
    free = SIZE_BYTES * 4
    journal.put(inspection("again", FAIL), image())
    journal.close()
    rows = {row.part_id: row for row in open_records(tmp_path).rows()}
    assert rows["bad"].note.startswith("image not written")
    assert verify(open_records(tmp_path)).damages == ()


def test_the_reserve_is_of_real_blocks_and_comes_back(tmp_path):
    reserve = Reserve(tmp_path, 100_000)
    reserve.restore(99_999)
    assert reserve.missing_bytes == 100_000
    reserve.restore(100_000)
    assert reserve.missing_bytes == 0
    assert (tmp_path / NAME).stat().st_blocks * 512 >= 100_000
    assert Reserve(tmp_path, 100_000).missing_bytes == 0
    reserve.give_up()
    assert reserve.missing_bytes == 100_000
    assert list(tmp_path.iterdir()) == []


def test_no_reserve_for_a_database_elsewhere(tmp_path):
    reserve = Reserve(tmp_path, 0)
    reserve.give_up()
    reserve.restore(10**9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("settings", [{"folder": "/dev/full"}, {"folder": "/dev/full/records"}])
def test_a_device_is_no_folder(settings):
    with pytest.raises(RecordError, match=r"/dev/full.*not a folder.*set records\.folder"):
        Journal.open(RecordSettings(**settings))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_database_on_a_full_device_is_one_clear_line(tmp_path):
    with pytest.raises(RecordError, match=r"^/dev/full: .* – check the path"):
        Journal.open(RecordSettings(folder=tmp_path, url="sqlite:////dev/full"))
    assert Path("/dev/full").is_char_device()


def test_pauses_grow_to_a_limit():
    pauses = writer._pauses()
    first = [next(pauses) for _ in range(10)]
    assert first[:3] == [0.1, 0.2, 0.4]
    assert first[-1] == writer.LONGEST_PAUSE_S
