"""Races between real processes: figures, and what becomes of those that fail."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.fake_contenders import fake
from lineproof.bench.contenders import Contender
from lineproof.bench.messages import Job
from lineproof.bench.process import Child, ChildFailed
from lineproof.bench.race import Race, RaceSettings, Row, run_race

QUICK = RaceSettings(rounds=3, calls=2, pause_s=0.0, start_timeout_s=30.0, turn_timeout_s=30.0)
FLOOR = fake("floor", "2", role="floor", floor="floor")


def race(*others: Contender, settings: RaceSettings = QUICK) -> dict[str, Row]:
    return {row.name: row for row in run_race([FLOOR, *others], 1, settings).rows}


def test_figures_come_from_processes_of_their_own() -> None:
    rows = race(fake("slow", "8"))
    floor, slow = rows["floor"], rows["slow"]
    assert floor.spread is not None
    assert slow.spread is not None
    assert floor.spread.calls == slow.spread.calls == 6
    assert slow.spread.min_ms >= 8
    assert slow.ratio == slow.ratios["floor"]
    assert slow.ratio is not None
    assert slow.ratio.median > 1.5  # four times, asleep; a busy machine oversleeps
    assert slow.stages_ms == {"preprocess": 1.0, "infer": 2.0, "postprocess": 3.0}
    assert (slow.provider, slow.detections, floor.note) == ("Fake", 7, "a note")
    assert floor.ratio is not None
    assert floor.ratio.median == 1.0
    if sys.platform == "linux":
        assert slow.rss_mib is not None
        assert slow.peak_mib is not None
        assert 5 < slow.rss_mib <= slow.peak_mib < 500


def test_sleeping_costs_no_cpu() -> None:
    slow = race(fake("slow", "20"))["slow"]
    assert slow.spread is not None
    assert slow.cpu_ms < slow.spread.median_ms / 2


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("crash", "failed: ValueError: it fell over"),
        ("exit", "failed: ended with exit code 3"),
        ("kill", "failed: killed by signal 9"),
        ("broken", "failed: RuntimeError: it broke while it was built"),
        ("absent", "not run: provider cuda: no such hardware"),
        ("missing", "not run: lineproof_has_no_such_module is not installed"),
    ],
)
def test_who_fails_is_told_and_the_rest_goes_on(what: str, problem: str) -> None:
    rows = race(fake("bad", what), fake("good", "2"))
    assert rows["bad"].problem == problem
    assert rows["bad"].spread is None
    assert rows["good"].ratio is not None
    assert rows["good"].spread is not None
    assert rows["good"].spread.calls == 6


def test_who_hangs_is_given_up() -> None:
    settings = replace(QUICK, turn_timeout_s=0.5)
    started = time.monotonic()
    rows = race(fake("bad", "hang"), settings=settings)
    assert rows["bad"].problem == "failed: no answer within 0.5 s"
    assert rows["floor"].spread is not None
    assert time.monotonic() - started < 25


def test_who_talks_nonsense_is_told() -> None:
    talker = (sys.executable, "-c", "print('hello'); input(); input()")
    rows = race(replace(fake("bad", "2"), command=talker))
    assert rows["bad"].problem == "failed: unexpected answer: hello"


def test_who_is_known_not_to_run_is_never_started() -> None:
    rows = race(replace(fake("bad", "2"), command=("/no/such/program",), not_run="needs the training run: --run RUN"))
    assert rows["bad"].problem == "not run: needs the training run: --run RUN"


def test_without_its_floor_a_row_has_no_ratio() -> None:
    found = run_race([fake("floor", "crash", role="floor"), fake("good", "2")], 1, QUICK)
    good = found.rows[1]
    assert good.spread is not None
    assert (good.ratio, good.ratios, found.unrest) == (None, {}, None)


def test_an_interruption_ends_every_process() -> None:
    class Interrupted:
        def expect(self, turns: int) -> None: ...

        def starting(self, name: str) -> None: ...

        def turn(self) -> None:
            raise KeyboardInterrupt

    before = _children()
    with pytest.raises(KeyboardInterrupt):
        run_race([FLOOR, fake("slow", "8")], 1, QUICK, Interrupted())
    assert _children() <= before


def test_a_process_that_will_not_listen_is_ended_all_the_same() -> None:
    deaf = (sys.executable, "-c", "import time; time.sleep(60)")
    with Child(deaf, FLOOR.job) as child:
        with pytest.raises(ChildFailed, match="no answer within"):
            child.ready(0.2)
        pid = child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_messages_survive_the_way() -> None:
    job = Job("engine", "ä \n bundle", 2, all_cores=True, spec='{"task": "detect"}', spin=True)
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()


def test_the_order_of_rows_is_the_order_of_contenders() -> None:
    found: Race = run_race([FLOOR, fake("b", "1"), fake("a", "1")], 2, QUICK)
    assert [row.name for row in found.rows] == ["floor", "b", "a"]
    assert found.threads == 2


def _children() -> set[str]:
    """Processes this one has started and that still run."""
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        return set()
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
