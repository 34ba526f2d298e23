"""One image's share of a run, in either form of output: candidates, and the mask coefficients of those that stay."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lineproof.engine.contract import Outputs
from lineproof.engine.decode import Candidates, find_candidates
from lineproof.engine.maps import Level, coefficients_at, find_in_maps
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError


class Head(Protocol):
    """What the engine asks of the model's outputs."""

    def candidates(self) -> Candidates:
        """Every (box, class) pair above the floor; raises EngineError for numbers that are none."""

    def coefficients(self, anchors: NDArray[np.intp]) -> NDArray[np.float32]:
        """Mask coefficients `(n, m)` of some candidates."""


def head_of(outputs: Outputs, spec: EngineSpec, index: int) -> Head:
    """The outputs of image `index` of the batch."""
    return _Rows(outputs, spec, index) if spec.outputs == "rows" else _Maps(outputs, spec, index)


class _Maps:
    def __init__(self, outputs: Outputs, spec: EngineSpec, index: int) -> None:
        segment = spec.task == "segment"
        self._floor = spec.score_floor
        self._levels = [
            Level(
                stride,
                outputs[f"sides_{stride}"][index],
                outputs[f"logits_{stride}"][index],
                outputs[f"coefficients_{stride}"][index] if segment else None,
            )
            for stride in spec.strides
        ]

    def candidates(self) -> Candidates:
        return find_in_maps(self._levels, self._floor)

    def coefficients(self, anchors: NDArray[np.intp]) -> NDArray[np.float32]:
        return coefficients_at(self._levels, anchors)


class _Rows:
    def __init__(self, outputs: Outputs, spec: EngineSpec, index: int) -> None:
        self._boxes, self._scores = outputs["boxes"][index], outputs["scores"][index]
        self._coefficients = outputs["coefficients"][index] if spec.task == "segment" else None
        self._spec = spec

    def candidates(self) -> Candidates:
        found = find_candidates(self._boxes, self._scores, self._spec.score_floor)
        self._check_none_cut()
        return found

    def coefficients(self, anchors: NDArray[np.intp]) -> NDArray[np.float32]:
        assert self._coefficients is not None
        chosen: NDArray[np.float32] = self._coefficients[anchors].astype(np.float32, copy=False)
        return chosen

    def _check_none_cut(self) -> None:
        """The graph gives the surest cells only: when its least sure one could reject a part, so could one it cut."""
        spec, rows = self._spec, len(self._scores)
        width, height = spec.input_wh
        cells = sum((width // stride) * (height // stride) for stride in spec.strides)
        if rows < cells and rows and self._scores[-1].max() >= spec.decisive_score:
            raise EngineError(
                f"more than {rows} boxes with a score of {spec.decisive_score:g} or more",
                hint="the image is not what the model knows, or export with --outputs maps, which keeps all",
            )
