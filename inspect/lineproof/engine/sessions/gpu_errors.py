"""What a GPU's errors mean for the line: out of memory, or gone."""

from __future__ import annotations

import re

from lineproof.engine.sessions.ort_errors import first_line
from lineproof.errors import EngineError, ProviderError

_NO_MEMORY = re.compile(
    r"out of memory|failed to allocate memory|CUDA(?: failure| error)? 2\b|ALLOC_FAILED|BFCArena|bad_alloc"
    r"|available memory of .* is smaller than requested",
    re.IGNORECASE,
)
# Errors after which CUDA answers nothing in this process any more: 46 and 719 device gone or crashed, 700 illegal
# address, 214 and 220 memory errors, 4 driver shutting down, 999 unknown (a GPU that fell off the bus).
_LOST = re.compile(
    r"CUDA(?: failure| error)? (?:4|46|214|220|700|702|710|714|715|716|717|718|719|999)\b|illegal memory access"
    r"|unspecified launch failure|device-side assert|launch timed out|uncorrectable|GPU is lost|fallen off the bus"
    r"|driver shutting down|device\(s\) is/are busy or unavailable|EXECUTION_FAILED",
    re.IGNORECASE,
)

_NOT_LOADED = re.compile(r"assigned to the default CPU EP|install TensorRT|failed to load library", re.IGNORECASE)


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device had no room."""
    return bool(_NO_MEMORY.search(str(error)))


def is_lost(error: Exception) -> bool:
    """Whether the device will answer nothing more in this process."""
    return bool(_LOST.search(str(error))) and not is_out_of_memory(error)


def run_error(error: Exception) -> EngineError:
    """A run that failed, on one line with what to do."""
    if is_out_of_memory(error):
        return EngineError(
            f"the GPU has no memory left: {first_line(error)}",
            hint="close what else uses the GPU (`nvidia-smi`), lower max_batch, or export a smaller input",
        )
    if is_lost(error):
        return EngineError(
            f"the GPU is lost: {first_line(error)}", hint="restart lineproof; CUDA cannot recover inside"
        )
    return EngineError(f"the run failed: {first_line(error)}")


def open_error(error: Exception, provider: str, why_none: str) -> EngineError:
    """A session that could not be built. Without memory it is no missing hardware: `auto` must not go on quietly.

    `why_none` is what is known to be missing (a library, the driver): onnxruntime itself then only says that nodes
    would be on the CPU.
    """
    if is_out_of_memory(error):
        return run_error(error)
    reason = why_none if why_none and _NOT_LOADED.search(str(error)) else first_line(error)
    return ProviderError(f"provider {provider}: {reason}", hint="check the GPU driver, or set provider: cpu")
