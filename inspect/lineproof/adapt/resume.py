"""The state of a training run after an epoch: written whole, so that Ctrl-C, `kill -9` or a power cut costs one epoch.

Nothing of random number generators is kept: every epoch starts from a seed of its own, so a run that goes on after
epoch k draws what the uninterrupted run would have drawn.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lineproof.adapt.checkpoint import DAMAGED
from lineproof.adapt.network import State
from lineproof.atomic import write_bytes
from lineproof.errors import InputError


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything the next epoch needs."""

    epochs_done: int
    model: State
    average: State  # of the exponential moving average, which is what gets exported
    average_updates: int
    optimiser: dict[str, Any]
    scaler: dict[str, Any]  # of mixed precision on a GPU; empty elsewhere
    best_fitness: float
    best_epoch: int
    schedule: dict[str, float]
    finished: bool = False  # the last epoch, or patience ran out


def save_state(path: Path, state: TrainingState) -> None:
    """Write beside, flush, rename."""
    buffer = io.BytesIO()
    torch.save(asdict(state), buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> TrainingState:
    """Read without executing anything; raises InputError for a damaged file or another one."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return TrainingState(**content)
    except (OSError, *DAMAGED) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise InputError(
            f"{path}: not the state of a training run ({what})", hint="start a new run with another --out"
        ) from None
