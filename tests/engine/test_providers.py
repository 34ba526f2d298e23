from __future__ import annotations

import importlib.util
import sys

import onnxruntime as ort
import pytest

from fake_gpu import CPU, CUDA, TENSORRT, FakeSession, install
from lineproof.engine.providers import open_session
from lineproof.engine.sessions import gpu_opening, openvino_cpu
from lineproof.engine.sessions.session import SessionWish
from lineproof.errors import EngineError, ProviderError
from tiny_bundle import tiny_model

NAMES = ("boxes", "scores")
no_gpu_wheel = pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="this onnxruntime has CUDA")


def opened(provider: str, **changes: object):
    return open_session(tiny_model(), SessionWish(provider, NAMES, **{"threads": 1, **changes}))


@pytest.fixture
def gpu_machine(monkeypatch):
    install(monkeypatch)


@pytest.fixture
def no_openvino(monkeypatch):
    monkeypatch.setattr(openvino_cpu, "installed", lambda: False)


@no_gpu_wheel
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_required_hardware_that_is_missing_is_an_error_never_the_cpu(provider):
    with pytest.raises(ProviderError, match=f"provider {provider}.*not in this onnxruntime.*lineproof\\[gpu\\]"):
        opened(provider)


@no_gpu_wheel
def test_auto_falls_back_and_says_why():
    got = opened("auto")
    assert got.provider == CPU
    assert "CUDAExecutionProvider is not in this onnxruntime" in got.fallback


def test_cpu_is_no_fallback_when_it_was_asked_for():
    got = opened("cpu")
    assert (got.provider, got.fallback, got.session.precision) == (CPU, "", "fp32")


def test_an_unknown_provider_names_the_known_ones():
    with pytest.raises(ProviderError, match="auto, cpu, openvino, cuda, tensorrt"):
        opened("gpu")


@pytest.mark.parametrize("wrong", [{"precision": "fp8"}, {"max_batch": 0}])
def test_a_wish_that_cannot_be_is_refused(wrong):
    with pytest.raises(EngineError, match=r"precision 'fp8' is unknown|less than one image"):
        opened("cpu", **wrong)


def test_a_damaged_model_is_no_missing_hardware():
    with pytest.raises(EngineError, match="cannot be loaded") as caught:
        open_session(tiny_model()[:-200], SessionWish("auto", NAMES))
    assert not isinstance(caught.value, ProviderError)


def test_a_model_without_an_output_asked_for_is_refused():
    with pytest.raises(EngineError, match=r"expected outputs boxes, masks, got boxes, scores"):
        open_session(tiny_model(), SessionWish("cpu", ("boxes", "masks")))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_precision_the_cpu_has_not_is_said(precision):
    got = opened("cpu", precision=precision)
    assert got.fallback == f"CPUExecutionProvider computes this {precision} bundle in fp32"


@no_gpu_wheel
def test_a_bf16_bundle_without_openvino_runs_in_fp32_and_says_every_reason(no_openvino):
    got = opened("auto", precision="bf16")
    assert (got.provider, got.session.precision) == (CPU, "fp32")
    for reason in ("openvino is not installed", "CUDAExecutionProvider is not in", "bf16 bundle in fp32"):
        assert reason in got.fallback


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
def test_a_bf16_bundle_goes_to_openvino_by_auto():
    try:
        opened("openvino", precision="bf16")
    except ProviderError:
        pytest.skip("this processor has no bf16")
    got = opened("auto", precision="bf16")
    assert (got.provider, got.session.precision, got.fallback) == ("OpenVINO", "bf16", "")


def test_openvino_that_is_not_installed_names_the_extra(no_openvino):
    with pytest.raises(ProviderError, match=r"lineproof\[openvino\]"):
        opened("openvino")


def test_a_gpu_session_may_not_put_any_node_on_the_cpu(gpu_machine, capsys):
    got = opened("cuda")
    assert got.provider == CUDA
    assert FakeSession.asked == [([CUDA], False, True)]
    assert capsys.readouterr().out == ""  # stdout belongs to the verb


def test_shape_arithmetic_of_a_dynamic_model_may_be_on_the_cpu(gpu_machine):
    opened("cuda", dynamic=True)
    assert FakeSession.asked == [([CUDA], False, False)]


def test_tensorrt_hands_over_to_cuda_not_to_the_cpu(gpu_machine):
    assert opened("tensorrt").provider == TENSORRT
    assert FakeSession.asked[0] == ([TENSORRT, CUDA], False, True)


def test_a_session_that_quietly_took_the_cpu_is_refused(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "gets", [CPU])
    with pytest.raises(ProviderError, match="took CPUExecutionProvider instead of CUDAExecutionProvider"):
        opened("cuda")


def test_tensorrt_that_quietly_became_cuda_is_refused(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "gets", [CUDA])
    with pytest.raises(ProviderError, match="took CUDAExecutionProvider instead of TensorrtExecutionProvider"):
        opened("tensorrt")


def test_a_gpu_that_cannot_be_used_is_one_line(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "error", RuntimeError("no CUDA-capable device\nstack\nstack"))
    with pytest.raises(ProviderError) as caught:
        opened("cuda")
    assert caught.value.message == "provider cuda: no CUDA-capable device"


def test_a_library_that_could_not_be_loaded_is_the_reason(gpu_machine, monkeypatch, capsys):
    """Without it onnxruntime says only that nodes would be on the CPU, and the cause stands in its log."""
    monkeypatch.setattr(ort, "preload_dlls", lambda: sys.stdout.write("Failed to load libcublasLt.so.13: none\n"))
    monkeypatch.setattr(FakeSession, "error", RuntimeError("nodes that are assigned to the default CPU EP"))
    with pytest.raises(ProviderError, match=r"provider cuda: Failed to load libcublasLt\.so\.13"):
        opened("cuda")


def test_a_missing_driver_is_the_reason(gpu_machine, monkeypatch):
    def none(_device: int) -> None:
        raise ProviderError("the NVIDIA driver cannot be loaded (libcuda.so.1)")

    monkeypatch.setattr(gpu_opening, "find_gpu", none)
    monkeypatch.setattr(FakeSession, "error", RuntimeError("nodes that are assigned to the default CPU EP"))
    with pytest.raises(ProviderError, match="provider cuda: the NVIDIA driver cannot be loaded"):
        opened("cuda")


def test_a_node_that_would_go_to_the_cpu_is_the_reason_where_the_gpu_is_well(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "error", RuntimeError("nodes that are assigned to the default CPU EP"))
    with pytest.raises(ProviderError, match="provider cuda: nodes that are assigned to the default CPU EP"):
        opened("cuda")


def test_auto_on_a_gpu_machine_whose_gpu_fails_says_so(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "error", RuntimeError("no CUDA-capable device"))
    got = opened("auto")
    assert (got.provider, got.fallback) == (CPU, "provider cuda: no CUDA-capable device")


def test_auto_on_a_healthy_gpu_machine_takes_it(gpu_machine):
    got = opened("auto")
    assert (got.provider, got.fallback) == (CUDA, "")


def test_a_full_gpu_is_no_reason_to_go_on_at_the_pace_of_the_cpu(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "error", RuntimeError("Failed to allocate memory for requested buffer of size 9"))
    with pytest.raises(EngineError, match="the GPU has no memory left") as caught:
        opened("auto")
    assert not isinstance(caught.value, ProviderError)
