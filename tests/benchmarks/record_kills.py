"""`kill -9` while records are written and a bundle is swapped: at random moments, and before every call that changes a file.

The calls are counted by a small C library that is preloaded (`kill_at.c`, needs `cc` and Linux), so that SQLite's own writes
and flushes are among them. After each kill, with what the killed process left: the database opens, its chain and every image
that a row names verify, the next start is ready, and nothing unfinished is left.

python tests/benchmarks/record_kills.py [--moments 200] [--out results/NAME.json]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PRELOADED = "LINEPROOF_KILL_AT"
sys.path.insert(0, str(HERE.parent))

READY_AIM_S = 10.0  # after kill -9, process start included
LONGEST_CHILD_S = 0.6  # random moments: from before the database is open to some hundred rows
MOST_CALLS = 5_000  # of one scenario; more would be an endless loop


def preload() -> None:
    """Start this script again with the counting library in it; raises SystemExit where that cannot be built."""
    if os.environ.get(PRELOADED):
        return
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        raise SystemExit("needs Linux and a C compiler (cc)")
    library = Path(tempfile.mkdtemp(prefix="kill-at-")) / "kill_at.so"
    source = HERE / "kill_at.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"LD_PRELOAD": str(library), PRELOADED: "1"})


def main() -> None:
    """Kill, look, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    preload()
    from machine import machine

    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_some(work / "warm", 1)  # imports: children are forked from here
        look(work / "warm")
        rows = [
            random_moments(work / "random", asked.moments, random.Random(asked.seed)),
            every_call_of_a_first_start(work / "first"),
            every_call_of_a_record(work / "record"),
            every_call_of_retention(work / "retention"),
            *every_call_of_a_swap(work / "swap"),
        ]
        fresh = [fresh_process(work / "random") for _ in range(5)]
    for row in rows:
        sys.stdout.write(told(row) + "\n")
    slowest, busiest = max(wall for wall, _ in fresh), max(cpu for _, cpu in fresh)
    sys.stdout.write(
        f"a fresh process, start to end with a row on the disk: {slowest:.2f} s, CPU {busiest:.2f} s at most\n"
    )
    result = {
        "what": "kill -9 at random moments and before every write, flush, rename, removal of a record and of a bundle swap",
        **facts,
        "rows": rows,
        "fresh_process_wall_and_cpu_s": [[round(wall, 2), round(cpu, 2)] for wall, cpu in fresh],
        "ready_aim_s": READY_AIM_S,
    }
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=2) + "\n")
    if any(row["failures"] for row in rows):
        raise SystemExit(1)


def told(row: dict[str, Any]) -> str:
    """One line of the table."""
    ready = f", ready again in {row['ready_s']['max']:.3f} s at most" if "ready_s" in row else ""
    outcomes = ", ".join(f"{number} {name}" for name, number in row["outcomes"].items())
    return f"{row['scenario']:<46} {row['kills']:>4} kills: {outcomes}{ready}; {len(row['failures'])} failures"


def settings(folder: Path, **retention: object):
    """Records in a folder, nothing held back by a full disk."""
    from lineproof.records.settings import RecordSettings

    return RecordSettings(folder=folder, images={"pass_every": 1}, retention={"min_free_gb": 0, **retention})


def parts():
    """Endless FAIL inspections with an image, and their triggers."""
    import numpy as np

    from builders import detections, inspection
    from lineproof.core import Decision, Reason, Verdict
    from lineproof.core.station import Outcome
    from lineproof.records.cycle import Cycle, Moment

    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    fail = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch", 0),))
    found = detections((1, 2, 30, 40, 0.9, 0))
    seq = 0
    while True:
        seq += 1
        cycle = Cycle(os.getpid(), seq, Outcome.FAIL, Moment.now(), Moment.now(), gates={"sharpness": 1.5})
        yield inspection(f"{os.getpid()}-{seq}", fail, detections=found), pixels, cycle


def put(journal, number: int) -> None:
    """So many parts with their acknowledgements."""
    from lineproof.records.cycle import Acknowledgement, Moment

    for (one, pixels, cycle), _ in zip(parts(), range(number), strict=False):
        journal.put(one, pixels, cycle)
        journal.acknowledge(Acknowledgement(cycle.session, cycle.seq, Moment.now()))


def look(folder: Path) -> tuple[list[str], float]:
    """What is wrong after a kill, and how long the next start took until its first row was on the disk."""
    from lineproof.errors import RecordError
    from lineproof.records.journal import Journal
    from lineproof.records.read import open_records
    from lineproof.records.verify import verify

    wrong: list[str] = []
    if (folder / "records.db").is_file():
        try:
            records = open_records(folder)
            wrong += [f"{damage.what}: {damage.why}" for damage in verify(records).damages]
            records.engine.dispose()
        except RecordError as error:
            # Killed before the first transaction was through: readers find no tables, or a log only a writer may roll back.
            if not any(words in str(error) for words in ("holds no records", "its next start mends it")):
                wrong.append(str(error))
    started = time.monotonic()
    journal = Journal.open(settings(folder))
    put(journal, 1)
    done = journal.flush(60)
    ready_s = time.monotonic() - started
    journal.close()
    health = journal.health()
    if not done or health.failures or health.dropped_rows:
        wrong.append(f"next start: {health}")
    records = open_records(folder)
    found = verify(records)
    records.engine.dispose()
    wrong += [f"{damage.what}: {damage.why}" for damage in found.damages]
    if found.unnamed_files or list(folder.rglob("*.part")):
        wrong.append(f"{found.unnamed_files} files are left that no row names")
    return wrong, ready_s


def summary(scenario: str, outcomes: Counter[str], failures: list[str], ready_s: list[float]) -> dict[str, object]:
    """A row of the result."""
    row: dict[str, object] = {"scenario": scenario, "kills": outcomes.total(), "outcomes": dict(outcomes)}
    if ready_s:
        row["ready_s"] = {"median": round(statistics.median(ready_s), 4), "max": round(max(ready_s), 4)}
    return row | {"failures": failures}


def random_moments(folder: Path, kills: int, chance: random.Random) -> dict[str, object]:
    """A writer with retention at work, killed at any moment of its life, again and again in one folder."""
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    ready_s: list[float] = []
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            write_for_ever(folder)
        time.sleep(chance.uniform(0.0, LONGEST_CHILD_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        wrong, seconds = look(folder) if folder.is_dir() else ([], 0.0)
        outcomes["broken" if wrong else "whole"] += 1
        failures += wrong
        ready_s.append(seconds)
    return summary("random moments", outcomes, failures, ready_s)


def write_for_ever(folder: Path) -> None:
    """Images go beyond 0.5 MB, rows once they are 3 s old."""
    from lineproof.records.journal import Journal

    journal = Journal.open(settings(folder, max_gb=5e-4, delete_rejects=True, max_row_days=3 / 86_400))
    while True:
        put(journal, 3)
        time.sleep(0.002)


def every_call(
    scenario: str,
    work: Path,
    prepare: Callable[[Path], None],
    act: Callable[[Path], None],
    judge: Callable[[Path], str],
) -> dict[str, object]:
    """Prepare, act and be killed before the k-th call, for k = 1, 2, … until the act comes to its end; then judge.

    `judge` returns what became of it; words that begin with "!" are a failure.
    """
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    ready_s: list[float] = []
    for k in range(1, MOST_CALLS):
        folder = work / str(k)
        prepare(folder)
        child = os.fork()
        if child == 0:
            armed(k, act, folder)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            return summary(f"{scenario}, before each call", outcomes, failures, ready_s)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise SystemExit(f"{scenario}: the child failed by itself at call {k}")
        became, _, seconds = judge(folder).partition("@")
        outcomes[became.removeprefix("!")] += 1
        failures += [f"call {k}: {became}"] if became.startswith("!") else []
        ready_s += [float(seconds)] if seconds else []
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(f"{scenario}: more than {MOST_CALLS} calls")


def armed(k: int, act: Callable[[Path], None], folder: Path) -> None:
    """In the child: act, and leave with 0 where nothing killed it."""
    library = ctypes.CDLL(None)
    library.kill_at.argtypes = [ctypes.c_long]
    code = 1
    try:
        library.kill_at(k)
        act(folder)
        library.kill_at(0)
        code = 0
    finally:
        os._exit(code)


def rows_of(folder: Path) -> int:
    """Rows that a reader sees; 0 where there is no database yet."""
    from lineproof.errors import RecordError
    from lineproof.records.read import open_records

    try:
        records = open_records(folder)
    except RecordError:
        return 0
    rows = sum(records.counts().values())
    records.engine.dispose()
    return rows


def judged_records(before: int, after: int) -> Callable[[Path], str]:
    """The old rows or the new ones, everything whole, and ready again."""

    def judge(folder: Path) -> str:
        rows = rows_of(folder)
        wrong, seconds = look(folder)
        if wrong:
            return f"!{wrong[0]}@{seconds}"
        became = {before: "without the change", after: "with it"}.get(rows, f"!{rows} rows")
        return f"{became}@{seconds}"

    return judge


def every_call_of_a_first_start(work: Path) -> dict[str, object]:
    """The database is made, migrated, written to and closed."""

    def act(folder: Path) -> None:
        write_some(folder, 1)

    return every_call(
        "first start and one record", work, lambda folder: folder.mkdir(parents=True), act, judged_records(0, 1)
    )


def every_call_of_a_record(work: Path) -> dict[str, object]:
    """One image, its row, its acknowledgement and the head, into a database that is there."""
    template = work / "template"
    write_some(template, 3)

    def act(folder: Path) -> None:
        write_some(folder, 1)

    return every_call("start, one record, end", work, lambda folder: copy(template, folder), act, judged_records(3, 4))


def every_call_of_retention(work: Path) -> dict[str, object]:
    """All images and rows are too old: they go, and a checkpoint stays."""
    template = work / "template"
    write_some(template, 3)

    def act(folder: Path) -> None:
        from lineproof.records.journal import Journal

        Journal.open(settings(folder, max_days=1e-9, max_row_days=1e-9, max_gb=1e-9, delete_rejects=True)).close()

    return every_call(
        "retention of rows and images", work, lambda folder: copy(template, folder), act, judged_records(3, 0)
    )


def write_some(folder: Path, number: int) -> None:
    """Open, record, close."""
    from lineproof.records.journal import Journal

    journal = Journal.open(settings(folder))
    put(journal, number)
    journal.close()


def copy(template: Path, folder: Path) -> None:
    """A folder of its own for each kill."""
    shutil.copytree(template, folder)


def every_call_of_a_swap(work: Path) -> list[dict[str, object]]:
    """A packed bundle and a bundle's folder, each replaced by another one."""
    from lineproof.atomic import write_bytes
    from lineproof.bundle.storage import pack, read_files, write_folder

    work.mkdir()
    made = "import sys; from pathlib import Path; from tiny_bundle import tiny_bundle; tiny_bundle(Path(sys.argv[1]), name=sys.argv[2])"
    for name in ("old", "new"):  # in a process of its own: its threads must not be forked
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-c", made, str(work / name), name]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": path, "LD_PRELOAD": ""})
    files = {name: read_files(work / name) for name in ("old", "new")}

    def packed(folder: Path) -> None:
        folder.mkdir()
        (folder / "bundle.lpb").write_bytes(pack(files["old"]))

    def unpacked(folder: Path) -> None:
        folder.mkdir()
        copy(work / "old", folder / "bundle")

    return [
        every_call(
            "swap of a packed bundle",
            work / "packed",
            lambda folder: (folder.parent.mkdir(exist_ok=True), packed(folder))[0],
            lambda folder: write_bytes(folder / "bundle.lpb", pack(files["new"])),
            lambda folder: which(folder / "bundle.lpb", folder),
        ),
        every_call(
            "swap of a bundle's folder",
            work / "unpacked",
            lambda folder: (folder.parent.mkdir(exist_ok=True), unpacked(folder))[0],
            lambda folder: write_folder(folder / "bundle", files["new"], replace=True),
            lambda folder: which(folder / "bundle", folder),
        ),
    ]


def which(bundle: Path, folder: Path) -> str:
    """Which bundle a start would find; one that cannot be opened is a failure, and so is none at all."""
    from lineproof.bundle.open import open_bundle
    from lineproof.errors import BundleError

    left = any(path.name.startswith(".") for path in folder.iterdir())
    try:
        return open_bundle(bundle).manifest.name + (", temporary files beside it" if left else "")
    except BundleError as error:
        return "!no bundle there" if not bundle.exists() else f"!{error}"


def fresh_process(folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a process that starts after a kill, writes a row and ends; CPU says it on a busy machine."""
    child = os.fork()
    if child == 0:
        write_for_ever(folder)
    time.sleep(LONGEST_CHILD_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    program = "import sys; from pathlib import Path; import record_kills as r; r.write_some(Path(sys.argv[1]), 1)"
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    started, before = time.monotonic(), os.times()
    subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        check=True,
        env=os.environ | {"PYTHONPATH": path, "LD_PRELOAD": ""},
    )
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started, cpu_s


if __name__ == "__main__":
    main()
