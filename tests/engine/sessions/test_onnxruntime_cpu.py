from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lineproof.engine.sessions import onnxruntime_cpu
from lineproof.engine.sessions.onnxruntime_cpu import cpu_options, open_cpu
from lineproof.engine.sessions.session import Port, SessionWish
from lineproof.errors import EngineError
from tiny_bundle import SIZE, tiny_model

NAMES = ("scores", "boxes")


def session(**changes: object):
    return open_cpu(tiny_model(), SessionWish("cpu", NAMES, **{"threads": 1, **changes}))


def grey(level: int, count: int = 1) -> np.ndarray:
    return np.full((count, SIZE, SIZE, 3), level, np.uint8)


def test_ports_say_what_goes_in_and_out_in_the_order_asked_for():
    one = session()
    assert one.input == Port("image", "uint8", (1, SIZE, SIZE, 3))
    assert one.outputs == (Port("scores", "float32", (1, 16, 2)), Port("boxes", "float32", (1, 16, 4)))
    assert session(max_batch=4).input.shape == (None, SIZE, SIZE, 3)


def test_arrays_come_in_the_order_asked_for():
    scores, boxes = session().run(grey(255))
    assert scores.shape == (1, 16, 2)
    assert np.allclose(scores, 1)
    assert boxes.shape == (1, 16, 4)


def test_a_batch_is_its_images():
    many = session(max_batch=3)
    images = np.concatenate([grey(0), grey(51), grey(255)])
    assert np.allclose(many.run(images)[0].mean(axis=(1, 2)), [0, 0.2, 1])
    assert len(many.run(images[:1])[0]) == 1


def test_an_input_of_the_wrong_shape_is_an_engine_error():
    with pytest.raises(EngineError, match="the run failed"):
        session().run(grey(0)[:, :32])


def test_results_of_a_thread_outlive_the_runs_of_others():
    one = session()
    first, _ = one.run(grey(255))
    with ThreadPoolExecutor(1) as other:
        black, _ = other.submit(one.run, grey(0)).result()
    assert np.allclose(first, 1)
    assert np.allclose(black, 0)


def test_images_at_another_address_are_the_ones_that_run():
    one = session()
    levels = [one.run(grey(level))[0].flat[0] for level in (0, 51, 255)]
    assert np.allclose(levels, [0, 0.2, 1])


def test_a_closed_session_says_so():
    one = session()
    one.close()
    one.close()
    with pytest.raises(EngineError, match="closed"):
        one.run(grey(0))


def test_several_threads_get_their_own_answers():
    one = session(threads=2)
    wrong: list[int] = []

    def look(level: int) -> None:
        wrong.extend(level for _ in range(20) if not np.allclose(one.run(grey(level))[0], level / 255))

    threads = [threading.Thread(target=look, args=(level,)) for level in (0, 80, 160, 255)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_workers_are_pinned_counting_from_one(monkeypatch):
    monkeypatch.setattr(onnxruntime_cpu, "usable_cores", lambda: ((0,), (1,), (2,), (3,)))
    monkeypatch.setattr(onnxruntime_cpu, "quota", lambda: None)
    options = cpu_options(SessionWish("cpu", NAMES))
    assert options.intra_op_num_threads == 4
    assert options.get_session_config_entry("session.intra_op_thread_affinities") == "2;3;4"
    options = cpu_options(SessionWish("cpu", NAMES, threads=2))
    assert options.get_session_config_entry("session.intra_op_thread_affinities") == "3,4"


@pytest.mark.parametrize(("spin", "entry"), [(False, "1"), (True, "0")])
def test_the_pool_spins_between_runs_only_when_asked_to(spin, entry):
    options = cpu_options(SessionWish("cpu", NAMES, spin=spin))
    assert options.get_session_config_entry("session.force_spinning_stop") == entry


def test_input_buffers_are_the_callers_own():
    one = session()
    a, b = one.input_buffer((1, SIZE, SIZE, 3)), one.input_buffer((1, SIZE, SIZE, 3))
    a[:], b[:] = 255, 0
    assert np.allclose(one.run(a)[0], 1)
