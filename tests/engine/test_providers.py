from __future__ import annotations

import sys
from typing import ClassVar

import onnxruntime as ort
import pytest

from lineproof.engine import providers
from lineproof.engine.providers import open_session
from lineproof.errors import EngineError, ProviderError
from tiny_bundle import tiny_model

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def opened(provider: str, **changes: object):
    return open_session(tiny_model(), provider, **{"threads": 1, "spin": False, "dynamic": False, **changes})


class FakeSession:
    """A session of the GPU wheel; remembers how it was asked for: providers, fallback, and whether strict."""

    asked: ClassVar[list[tuple[list[str], bool, bool]]] = []
    gets: ClassVar[list[str]] = []
    error: ClassVar[Exception | None] = None

    def __init__(self, _model, options, providers, enable_fallback):
        try:
            strict = options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
        except RuntimeError:  # the entry was never set
            strict = False
        FakeSession.asked.append((providers, bool(enable_fallback), strict))
        if FakeSession.error is not None and providers != [CPU]:
            raise FakeSession.error

    def get_providers(self):
        return FakeSession.gets or FakeSession.asked[-1][0]

    def disable_fallback(self):
        pass


@pytest.fixture
def gpu_machine(monkeypatch):
    """onnxruntime's GPU wheel, as far as the policy can see it."""
    monkeypatch.setattr(FakeSession, "asked", [])
    monkeypatch.setattr(FakeSession, "gets", [])
    monkeypatch.setattr(FakeSession, "error", None)
    monkeypatch.setattr(providers.ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(providers.ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(providers.ort, "preload_dlls", lambda: sys.stdout.write("loading"))


@pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="this onnxruntime has CUDA")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_required_hardware_that_is_missing_is_an_error_never_the_cpu(provider):
    with pytest.raises(ProviderError, match=f"provider {provider}.*not in this onnxruntime.*lineproof\\[gpu\\]"):
        opened(provider)


@pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="this onnxruntime has CUDA")
def test_auto_falls_back_and_says_why():
    got = opened("auto")
    assert got.provider == CPU
    assert "CUDAExecutionProvider is not in this onnxruntime" in got.fallback


def test_cpu_is_no_fallback_when_it_was_asked_for():
    got = opened("cpu")
    assert (got.provider, got.fallback) == (CPU, "")
    assert got.session.get_providers() == [CPU]


def test_an_unknown_provider_names_the_known_ones():
    with pytest.raises(ProviderError, match="auto, cpu, cuda, tensorrt"):
        opened("gpu")


def test_a_damaged_model_is_no_missing_hardware():
    with pytest.raises(EngineError, match="cannot be loaded") as caught:
        open_session(tiny_model()[:-200], "auto", threads=1, spin=False, dynamic=False)
    assert not isinstance(caught.value, ProviderError)


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
    assert FakeSession.asked[0][0] == [TENSORRT, CUDA]


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


def test_auto_on_a_gpu_machine_whose_gpu_fails_says_so(gpu_machine, monkeypatch):
    monkeypatch.setattr(FakeSession, "error", RuntimeError("no CUDA-capable device"))
    got = opened("auto")
    assert (got.provider, got.fallback) == (CPU, "provider cuda: no CUDA-capable device")


def test_auto_on_a_healthy_gpu_machine_takes_it(gpu_machine):
    got = opened("auto")
    assert (got.provider, got.fallback) == (CUDA, "")
