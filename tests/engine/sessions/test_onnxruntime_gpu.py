from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from fake_gpu import CUDA, TENSORRT, FakeCudart, FakeSession, FakeValue, install
from lineproof.engine.providers import open_session
from lineproof.engine.sessions import cuda_runtime, gpu_opening, onnxruntime_gpu
from lineproof.engine.sessions.cuda_runtime import CudaRuntime
from lineproof.engine.sessions.engine_cache import EngineCache
from lineproof.engine.sessions.gpu_options import EngineFolders, cuda_options, tensorrt_options
from lineproof.engine.sessions.session import SessionWish
from lineproof.errors import EngineError, ProviderError
from tiny_bundle import SIZE, tiny_model

NAMES = ("scores", "boxes")


@pytest.fixture(autouse=True)
def gpu_machine(monkeypatch):
    install(monkeypatch)


def opened(provider: str = "cuda", **changes: object):
    return open_session(tiny_model(), SessionWish(provider, NAMES, **{"input_hwc": (SIZE, SIZE, 3), **changes}))


def grey(level: int, count: int = 1) -> np.ndarray:
    return np.full((count, SIZE, SIZE, 3), level, np.uint8)


def test_a_run_goes_through_device_memory_and_back():
    scores, boxes = opened().session.run(grey(51))
    assert np.allclose(scores, 0.2)
    assert boxes.shape == (1, 16, 4)


def test_buffers_are_made_once_for_each_batch_size():
    session = opened(max_batch=4).session
    session.run(grey(0, 2))
    made = FakeValue.made
    assert np.allclose(session.run(grey(255, 2))[0], 1)
    assert FakeValue.made == made
    session.run(grey(0, 3))
    assert FakeValue.made == made + 3


def test_every_batch_size_has_a_recording_of_its_own():
    session = opened(max_batch=3).session
    for count in (1, 3, 1):
        session.run(grey(0, count))
    assert FakeSession.graph_ids == ["1", "3", "1"]
    assert FakeSession.options[CUDA]["enable_cuda_graph"] == "1"


def test_no_recording_of_a_dynamic_model():
    session = opened(dynamic=True).session
    session.run(grey(0))
    assert set(FakeSession.graph_ids) == {""}
    assert FakeSession.options[CUDA]["enable_cuda_graph"] == "0"


def test_more_images_than_asked_for_are_refused():
    with pytest.raises(EngineError, match="3 images at once, the session was opened for 2"):
        opened(max_batch=2).session.run(grey(0, 3))


def test_another_threads_run_leaves_a_result_alone():
    session = opened().session
    mine, _ = session.run(grey(255))
    thread = threading.Thread(target=session.run, args=(grey(0),))
    thread.start()
    thread.join()
    assert np.allclose(mine, 1)


def test_threads_take_turns():
    session = opened().session
    wrong: list[int] = []

    def look(level: int) -> None:
        wrong.extend(level for _ in range(20) if not np.allclose(session.run(grey(level))[0], level / 255))

    threads = [threading.Thread(target=look, args=(level,)) for level in (0, 80, 160, 255)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_gpu_that_hangs_is_an_error_for_the_next_caller(monkeypatch):
    monkeypatch.setattr(onnxruntime_gpu, "_TURN_S", 0.01)
    session = opened().session
    with session._turn, pytest.raises(EngineError, match=r"has not finished a run for 0\.01 s"):
        session.run(grey(0))


def test_the_device_is_chosen_in_the_calling_thread():
    opened(device_id=1).session.run(grey(0))
    assert FakeCudart.devices == [1]


def test_out_of_memory_while_running_is_one_line_and_no_end(monkeypatch):
    session = opened().session
    monkeypatch.setattr(FakeSession, "run_error", RuntimeError("CUDA failure 2: out of memory ; GPU=0"))
    with pytest.raises(EngineError, match=r"the GPU has no memory left.*nvidia-smi"):
        session.run(grey(0))
    monkeypatch.setattr(FakeSession, "run_error", None)
    assert np.allclose(session.run(grey(255))[0], 1)


def test_a_lost_gpu_stays_lost():
    session = opened().session
    FakeSession.run_error = RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0")
    for _ in range(2):
        with pytest.raises(EngineError, match=r"the GPU is lost.*restart"):
            session.run(grey(0))
        FakeSession.run_error = None  # CUDA would go on failing; a fake that does not shows that it is not asked


def test_a_copy_that_fails_is_one_line(monkeypatch):
    session = opened().session
    session.run(grey(0))
    monkeypatch.setattr(FakeCudart, "code", 2)
    with pytest.raises(EngineError, match="no memory left: CUDA failure 2: out of memory"):
        session.run(grey(0))


def test_a_closed_session_says_so():
    session = opened().session
    session.close()
    session.close()
    with pytest.raises(EngineError, match="closed"):
        session.run(grey(0))


def test_page_locked_memory_is_freed_with_its_last_view():
    runtime = CudaRuntime(FakeCudart(), 0)
    gc.collect()  # what earlier tests left
    freed = FakeCudart.freed
    part = runtime.page_locked((2, 3), np.float16)[1:]
    part[:] = 1
    gc.collect()
    assert FakeCudart.freed == freed
    del part
    gc.collect()
    assert FakeCudart.freed == freed + 1


@pytest.mark.parametrize(("provider", "precision", "runs"), [("cuda", "int8", "fp32"), ("cuda", "fp16", "fp16")])
def test_the_precision_is_that_of_the_arithmetic(provider, precision, runs):
    got = opened(provider, precision=precision)
    assert got.session.precision == runs
    assert bool(got.fallback) == (precision != runs)


def test_fp32_stays_fp32_and_the_arena_keeps_its_limit():
    options = cuda_options(SessionWish("cuda", NAMES, gpu_memory_mib=512))
    assert (options["use_tf32"], options["gpu_mem_limit"]) == ("0", str(512 << 20))
    assert options["cudnn_conv_algo_search"] == "EXHAUSTIVE"
    assert cuda_options(SessionWish("cuda", NAMES, max_batch=2))["cudnn_conv_algo_search"] == "HEURISTIC"


def test_half_precision_runs_as_it_was_measured_fastest():
    options = cuda_options(SessionWish("cuda", NAMES, precision="fp16"))
    assert (options["cudnn_conv_algo_search"], options["prefer_nhwc"]) == ("HEURISTIC", "1")


def test_tensorrt_without_its_library_is_said_before_anything_is_compiled(monkeypatch):
    monkeypatch.setattr(gpu_opening, "_tensorrt_version", lambda: "unknown")
    with pytest.raises(ProviderError, match=r"TensorRT library is not installed .*tensorrt-cu13<11"):
        opened("tensorrt")
    assert FakeSession.asked == []


def test_tensorrt_profile_spans_the_batches(tmp_path):
    wish = SessionWish("tensorrt", NAMES, precision="fp16", max_batch=8, input_hwc=(384, 640, 3))
    options = tensorrt_options(wish, EngineFolders(tmp_path, tmp_path / "timings"))
    shapes = [options[f"trt_profile_{name}_shapes"] for name in ("min", "opt", "max")]
    assert shapes == ["image:1x384x640x3", "image:4x384x640x3", "image:8x384x640x3"]
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == ("1", "0")
    assert options["trt_cuda_graph_enable"] == "0"  # one recording only, and several batch sizes
    assert options["trt_engine_cache_path"] == str(tmp_path)
    assert options["trt_timing_cache_path"] == str(tmp_path / "timings")


def test_tensorrt_of_fixed_shape_records_and_has_no_profile():
    options = tensorrt_options(SessionWish("tensorrt", NAMES), EngineFolders())
    assert options["trt_cuda_graph_enable"] == "1"
    assert not any("profile" in name or "engine_cache" in name for name in options)


def test_tensorrt_without_the_largest_input_is_refused():
    with pytest.raises(EngineError, match="largest input"):
        tensorrt_options(SessionWish("tensorrt", NAMES, dynamic=True), EngineFolders())


def test_tensorrt_compiles_once_and_then_loads(tmp_path, caplog):
    cache = EngineCache("ab" * 32, tmp_path)
    first, second = opened("tensorrt", cache=cache), opened("tensorrt", cache=cache)
    assert (first.provider, first.cache_note, second.cache_note) == (TENSORRT, "compiled", "loaded from the cache")
    assert len(FakeSession.compiled) == 1
    assert "compiling the TensorRT engine for NVIDIA L4" in caplog.text
    assert np.allclose(second.session.run(grey(255))[0], 1)
    assert "trt_timing_cache_path" not in FakeSession.options[TENSORRT]  # a sealed folder is only read


def test_another_driver_compiles_anew(tmp_path, monkeypatch):
    cache = EngineCache("ab" * 32, tmp_path)
    opened("tensorrt", cache=cache)
    monkeypatch.setattr(gpu_opening, "find_gpu", lambda _device: cuda_runtime.Gpu("NVIDIA L4", "8.9", "570.1"))
    assert opened("tensorrt", cache=cache).cache_note == "compiled"
    assert len(FakeSession.compiled) == 2


def test_a_damaged_engine_never_reaches_tensorrt(tmp_path, caplog):
    cache = EngineCache("ab" * 32, tmp_path)
    opened("tensorrt", cache=cache)
    next(tmp_path.rglob("*.engine")).write_bytes(b"comp")
    assert opened("tensorrt", cache=cache).cache_note.startswith("compiled again: its files were changed")
    assert "thrown away" in caplog.text


def test_a_build_without_memory_fails_once_and_leaves_no_engine(tmp_path, monkeypatch):
    cache = EngineCache("ab" * 32, tmp_path)
    monkeypatch.setattr(FakeSession, "run_error", RuntimeError("CUDA failure 2: out of memory"))
    with pytest.raises(EngineError, match="no memory left"):
        opened("tensorrt", cache=cache)
    assert list(tmp_path.rglob("*.engine")) == []
    assert len(FakeSession.asked) == 1


def test_a_cache_that_cannot_be_written_costs_time_not_the_line(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    got = opened("tensorrt", cache=EngineCache("ab" * 32, tmp_path / "file"))
    assert "not kept" in got.cache_note
    assert "compiled again at every start" in caplog.text


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
def test_no_driver_is_one_line():
    with pytest.raises(ProviderError, match=r"the NVIDIA driver (cannot be loaded|has no usable GPU 0)"):
        cuda_runtime.find_gpu(0)
