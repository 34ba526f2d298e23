from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.engine.sessions.cores import quota, thread_count, usable_cores, worker_affinities

FOUR = ((0,), (1,), (2,), (3,))
HYPERTHREADED = ((0, 4), (1, 5), (2, 6), (3, 7))


def test_a_pool_of_all_cores_has_one_worker_on_each_but_the_callers():
    assert worker_affinities(4, FOUR) == ((1,), (2,), (3,))


def test_a_small_pool_gets_groups_so_that_two_sessions_need_not_share_cores():
    assert worker_affinities(2, FOUR) == ((2, 3),)


def test_siblings_of_a_core_stay_together():
    assert worker_affinities(4, HYPERTHREADED) == ((1, 5), (2, 6), (3, 7))
    assert worker_affinities(8, HYPERTHREADED) == ((4,), (1,), (5,), (2,), (6,), (3,), (7,))


def test_one_thread_pins_nothing():
    assert worker_affinities(1, FOUR) == worker_affinities(4, ()) == ()


@given(st.integers(1, 64), st.integers(1, 64))
def test_workers_never_share_a_processor_and_each_has_one(threads, cores):
    threads = min(threads, cores)
    groups = worker_affinities(threads, tuple((cpu,) for cpu in range(cores)))
    places = [cpu for group in groups for cpu in group]
    assert len(groups) == threads - 1
    assert all(groups)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("wanted", "cores", "granted", "threads"),
    [
        (None, FOUR, None, 4),
        (None, HYPERTHREADED, None, 4),  # physical cores: the second thread of a core has no arithmetic unit of its own
        (None, FOUR, 2, 2),
        (None, FOUR, 9, 4),
        (1, FOUR, None, 1),
        (16, FOUR, None, 4),
        (8, HYPERTHREADED, None, 8),
        (None, (), None, 0),
        (3, (), None, 3),
    ],
)
def test_threads(wanted, cores, granted, threads):
    assert thread_count(wanted, cores, granted) == threads


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000\n", None), ("200000 100000\n", 2), ("50000 100000", 1), ("", None)]
)
def test_quota_of_a_container(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert quota(tmp_path / "cpu.max") == cores


def test_no_quota_where_there_is_no_such_file(tmp_path):
    assert quota(tmp_path / "cpu.max") is None


def test_this_machine_has_cores_or_does_not_say():
    cores = usable_cores()
    assert all(cores)
    assert len({cpu for core in cores for cpu in core}) == sum(len(core) for core in cores)
