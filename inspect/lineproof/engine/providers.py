"""Which hardware runs the model: what the line asks for, or an error; never a quiet fallback."""

from __future__ import annotations

from dataclasses import replace

from lineproof.engine.sessions.session import PRECISIONS, OpenSession, SessionWish
from lineproof.errors import EngineError, ProviderError

PROVIDERS = ("auto", "cpu", "openvino", "cuda", "tensorrt")
GPU_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider")  # what a session on a GPU names as its own


def open_session(model: bytes, wish: SessionWish) -> OpenSession:
    """Build the session on the hardware asked for; `auto` prefers CUDA and says when it had to take the CPU.

    A bundle checked in bf16 goes by `auto` to OpenVINO first: nothing else computes it as it was checked.

    Raises:
        ProviderError: the hardware asked for is not there.
        EngineError: the model cannot be loaded, or the GPU has no memory for it.
    """
    _check(wish)
    if wish.provider != "auto":
        return _open(model, wish)
    refused: list[str] = []
    for provider in ("openvino", "cuda") if wish.precision == "bf16" else ("cuda",):
        try:
            return _with_reason(_open(model, replace(wish, provider=provider)), refused)
        except ProviderError as error:
            refused.append(error.message)
    return _with_reason(_open(model, replace(wish, provider="cpu")), refused)


def _check(wish: SessionWish) -> None:
    if wish.provider not in PROVIDERS:
        raise ProviderError(f"provider {wish.provider!r} is unknown", hint=f"one of {', '.join(PROVIDERS)}")
    if wish.precision not in PRECISIONS:
        raise EngineError(f"precision {wish.precision!r} is unknown", hint=f"one of {', '.join(PRECISIONS)}")
    if wish.max_batch < 1:
        raise EngineError(f"max_batch {wish.max_batch} is less than one image")


def _open(model: bytes, wish: SessionWish) -> OpenSession:
    """One provider; the runtime it needs is imported only now."""
    if wish.provider == "cpu":
        from lineproof.engine.sessions.onnxruntime_cpu import open_cpu

        opened = OpenSession(open_cpu(model, wish))
    elif wish.provider == "openvino":
        from lineproof.engine.sessions.openvino_cpu import open_openvino

        opened = open_openvino(model, wish)
    else:
        from lineproof.engine.sessions.gpu_wheel import require_gpu_wheel

        require_gpu_wheel(wish.provider)
        from lineproof.engine.sessions.gpu_opening import open_gpu

        opened = open_gpu(model, wish)
    if opened.session.precision == wish.precision:
        return opened
    reason = f"{opened.provider} computes this {wish.precision} bundle in {opened.session.precision}"
    return _with_reason(opened, [reason])


def _with_reason(opened: OpenSession, reasons: list[str]) -> OpenSession:
    said = [*reasons, opened.fallback] if opened.fallback else reasons
    return replace(opened, fallback="; ".join(said))
