"""What onnxruntime raises, and how it reads on one line."""

from __future__ import annotations

import re

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from lineproof.engine.sessions.session import Port

# onnxruntime's own exceptions share no base below Exception.
ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)

# Where in its own sources it happened: "/onnxruntime_src/…/bfc_arena.cc:360 void* onnxruntime::BFCArena::…(size_t, bool) ".
_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ .*?\) ")

_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}


def first_line(error: BaseException) -> str:
    """The part of a runtime's error that a technician can use."""
    text = _PLACE.sub("", str(error)).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def port_of(value: ort.NodeArg) -> Port:
    """An input or output in the words of the engine."""
    dtype = _DTYPES.get(value.type, value.type.removeprefix("tensor(").removesuffix(")"))
    return Port(value.name, dtype, tuple(size if isinstance(size, int) else None for size in value.shape))
