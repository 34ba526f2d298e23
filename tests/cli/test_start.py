from __future__ import annotations

import gc
import os

import pytest

from lineproof.cli.start import loading


@pytest.fixture(autouse=True)
def _thaw(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")  # restored afterwards, whatever `loading` did
    yield
    gc.unfreeze()


def test_nothing_is_collected_while_loading_and_what_was_loaded_is_left_alone():
    with loading():
        assert not gc.isenabled()
        loaded = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(loaded)


def test_a_failed_start_leaves_the_collector_on():
    with pytest.raises(ValueError, match="no such bundle"), loading():
        raise ValueError("no such bundle")
    assert gc.isenabled()


def test_a_chosen_number_of_threads_is_kept(monkeypatch):
    with loading():
        pass
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    with loading():
        pass
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
