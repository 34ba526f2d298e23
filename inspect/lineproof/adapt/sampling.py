"""Which images an epoch shows when classes are out of balance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

_MOST = 8.0  # one image is never shown more often than this in an epoch: it would be learnt by heart


def repeat_factors(classes_of: Sequence[NDArray[np.int_]]) -> NDArray[np.float64]:
    """How often each image is shown in an epoch, at least once: `max over its classes of sqrt(t / f)`.

    f is the share of images that show the class, t the share of the average class (Gupta et al. 2019, LVIS, eq. 1,
    with the threshold taken from the data). `classes_of`: the class ids an image shows, empty for a good part.
    """
    shown = [class_id for classes in classes_of for class_id in np.unique(classes)]
    if not shown:
        return np.ones(len(classes_of))
    counts = np.bincount(np.array(shown, np.int64)).astype(np.float64)
    present = counts[counts > 0]
    factor = np.ones_like(counts)
    factor[counts > 0] = np.sqrt(present.mean() / present)
    return np.array(
        [float(np.clip(max((factor[c] for c in classes), default=1.0), 1.0, _MOST)) for classes in classes_of]
    )


class RepeatFactors(Sampler[int]):
    """Every image at least once, images of rare classes more often; the fraction of a repeat is drawn each epoch."""

    def __init__(self, classes_of: Sequence[NDArray[np.int_]], generator: torch.Generator) -> None:
        factors = torch.from_numpy(repeat_factors(classes_of))
        self._length = int(factors.sum().ceil())
        factors[factors.argmax()] += self._length - factors.sum()  # so that every epoch has the same length
        self._ends = factors.cumsum(0)
        self._generator = generator

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        # Systematic resampling: the images lie side by side, each as long as its factor, under a comb of distance 1.
        comb = torch.rand(1, generator=self._generator, dtype=torch.float64) + torch.arange(self._length)
        order = torch.searchsorted(self._ends, comb, right=True).clamp(max=len(self._ends) - 1)
        yield from order[torch.randperm(self._length, generator=self._generator)].tolist()
