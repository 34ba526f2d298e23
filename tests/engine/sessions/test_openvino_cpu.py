from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from lineproof.engine.sessions.engine_cache import EngineCache
from lineproof.engine.sessions.onnxruntime_cpu import open_cpu
from lineproof.engine.sessions.session import Port, SessionWish
from lineproof.errors import EngineError, ProviderError
from tiny_bundle import SIZE, tiny_model

pytest.importorskip("openvino", reason="openvino is not installed")

from lineproof.engine.sessions import openvino_cpu
from lineproof.engine.sessions.openvino_cpu import open_openvino

NAMES = ("prototypes", "scores", "boxes", "coefficients")


def opened(**changes: object):
    return open_openvino(tiny_model("segment"), SessionWish("openvino", NAMES, **{"threads": 1, **changes}))


def noise(seed: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def test_arrays_are_those_of_onnxruntime_in_the_order_asked_for():
    images = noise(0)
    reference = open_cpu(tiny_model("segment"), SessionWish("cpu", NAMES)).run(images)
    session = opened().session
    for got, want, port in zip(session.run(images), reference, session.outputs, strict=True):
        assert got.shape == want.shape == port.shape
        assert np.allclose(got, want, atol=1e-4)
    assert [port.name for port in session.outputs] == list(NAMES)
    assert (session.provider, session.precision) == ("OpenVINO", "fp32")


def test_one_image_fixes_the_batch_and_several_bound_it():
    assert opened().session.input == Port("image", "uint8", (1, SIZE, SIZE, 3))
    many = opened(max_batch=3).session
    assert many.input.shape == (None, SIZE, SIZE, 3)
    images = noise(1, 3)
    whole = many.run(images)[1].copy()
    assert np.allclose(whole[1:2], many.run(images[1:2])[1], atol=1e-5)
    with pytest.raises(EngineError, match="the run failed"):
        many.run(noise(1, 4))


def test_results_belong_to_the_thread_until_its_next_run():
    session = opened().session
    images = [noise(seed) for seed in range(4)]
    wanted = [session.run(image)[1].copy() for image in images]
    together = threading.Barrier(len(images))
    wrong: list[int] = []

    def look(n: int) -> None:
        together.wait()
        for _ in range(20):
            scores = session.run(images[n])[1]
            together.wait()  # every thread has run since
            if not np.array_equal(scores, wanted[n]):
                wrong.append(n)

    threads = [threading.Thread(target=look, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_bf16_is_refused_where_the_processor_has_none():
    with pytest.raises(ProviderError, match="no bf16"):
        openvino_cpu._arithmetic(SessionWish("openvino", NAMES, precision="bf16"), ["FP32", "INT8"])


def test_fp32_is_asked_for_by_name():
    """Left alone, OpenVINO takes bf16 wherever the processor has it."""
    settings = openvino_cpu._settings(SessionWish("openvino", NAMES), "fp32")
    assert settings["INFERENCE_PRECISION_HINT"] == "f32"
    compiled = opened().session._compiled
    assert compiled.get_property("INFERENCE_PRECISION_HINT").type_name == "f32"


def test_a_closed_session_says_so():
    session = opened().session
    session.run(noise(0))
    session.close()
    session.close()
    with pytest.raises(EngineError, match="closed"):
        session.run(noise(0))


def test_a_damaged_model_is_one_line():
    with pytest.raises(EngineError, match=r"model\.onnx cannot be loaded") as caught:
        open_openvino(tiny_model()[:-200], SessionWish("openvino", NAMES[1:3]))
    assert "\n" not in caught.value.message


def test_an_output_that_is_not_there_is_named():
    with pytest.raises(EngineError, match="expected one input and outputs boxes, masks, got boxes, scores"):
        open_openvino(tiny_model(), SessionWish("openvino", ("boxes", "masks")))


def test_the_second_start_loads_what_the_first_compiled(tmp_path):
    cache = EngineCache("ab" * 32, tmp_path)
    first, second = opened(cache=cache), opened(cache=cache)
    assert (first.cache_note, second.cache_note) == ("compiled", "loaded from the cache")
    for got, want in zip(second.session.run(noise(0)), first.session.run(noise(0)), strict=True):
        assert np.array_equal(got, want)
    assert opened(cache=cache, max_batch=2).cache_note == "compiled"  # another engine


def test_a_damaged_cache_is_compiled_again_with_the_reason(tmp_path):
    cache = EngineCache("ab" * 32, tmp_path)
    opened(cache=cache)
    (blob,) = tmp_path.rglob("model.blob")
    blob.write_bytes(blob.read_bytes()[:-1])
    assert opened(cache=cache).cache_note == "compiled again: its files were changed or are incomplete"
    assert opened(cache=cache).cache_note == "loaded from the cache"


def test_a_cache_that_cannot_be_written_does_not_stop_the_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert "not kept" in opened(cache=EngineCache("ab" * 32, tmp_path / "file")).cache_note


def test_nothing_that_could_call_home_is_loaded():
    code = """
import sys
from tiny_bundle import tiny_model
from lineproof.engine.providers import open_session
from lineproof.engine.sessions.session import SessionWish
open_session(tiny_model(), SessionWish("openvino", ("boxes", "scores"), threads=1))
print([name for name in sys.modules if name.startswith("openvino_telemetry")])
"""
    paths = ":".join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": paths}
    )
    assert done.stdout.strip() == "[]"
