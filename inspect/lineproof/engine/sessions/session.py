"""What every runtime offers the engine: one uint8 batch in, the model's arrays out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lineproof.engine.sessions.engine_cache import EngineCache

PRECISIONS = ("fp32", "fp16", "bf16", "int8")

Outputs = tuple[NDArray[np.float32], ...]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a model."""

    name: str
    dtype: str  # of numpy: uint8, float32, float16
    shape: tuple[int | None, ...]  # None: known only at the run


def with_batch(shape: tuple[int | None, ...], batch: int) -> Shape | None:
    """The shape for so many images; None when more than the batch is open."""
    rest = [size for size in shape[1:] if size is not None]
    return (batch, *rest) if len(rest) == len(shape) - 1 else None


def output_shapes(ports: Sequence[Port], batch: int) -> tuple[Shape, ...] | None:
    """Shapes of all outputs for so many images; None where the model leaves more than the batch open."""
    shapes = [with_batch(port.shape, batch) for port in ports]
    known = tuple(shape for shape in shapes if shape is not None)
    return known if len(known) == len(shapes) else None


@dataclass(frozen=True, slots=True)
class SessionWish:
    """What the engine asks for; what it got stands in the session."""

    provider: str
    output_names: tuple[str, ...]  # in the order the arrays shall come
    unread: tuple[str, ...] = ()  # further outputs of the model, which nobody fetches
    precision: str = "fp32"  # of the bundle: fp32, fp16, bf16, int8
    threads: int | None = None  # None: one per core this process may use
    spin: bool = False  # a busy core for a few per cent of latency
    max_batch: int = 1
    dynamic: bool = False  # height and width change from run to run
    input_hwc: tuple[int, int, int] | None = None  # the largest input; TensorRT asks for it when sizes are open
    cache: EngineCache | None = None  # where compiled engines are kept; None: compiled at every start
    device_id: int = 0
    cuda_graph: bool = True  # replay one recording per batch size, where the runtime can
    gpu_memory_mib: int | None = None  # limit of onnxruntime's arena; None: what there is


def names_fit(got: Collection[str], wish: SessionWish) -> bool:
    """Whether a model's outputs are exactly those to read and those known to stay unread."""
    return set(got) == {*wish.output_names, *wish.unread}


class Session(Protocol):
    """A model ready to run. `run` may be called from several threads at once."""

    provider: str  # what really runs: CPUExecutionProvider, CUDAExecutionProvider, TensorrtExecutionProvider, OpenVINO
    precision: str  # in which the arithmetic runs
    max_batch: int
    input: Port
    outputs: tuple[Port, ...]

    def input_buffer(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Fresh memory of the caller's own, from which `run` takes images fastest (page-locked for a GPU)."""

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """The arrays for images `(N, H, W, C)`, N ≤ max_batch; valid until this thread's next run.

        Raises:
            EngineError: the run failed, or the session is closed.
        """

    def close(self) -> None:
        """Give memory and threads back; may be called twice."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenSession:
    """A session, why it is not a better one, and what the cache had to say; the texts are empty when all is well."""

    session: Session
    fallback: str = ""
    cache_note: str = ""

    @property
    def provider(self) -> str:
        """The execution provider that really runs."""
        return self.session.provider
