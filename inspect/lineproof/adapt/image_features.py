"""Frozen features of image files, with a bar that moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.features import Backbone, pooled_features
from lineproof.data.loading import Progress, silent

_AT_ONCE = 16  # images between two moves of the bar; one batch of the backbone


def features_of(paths: Sequence[Path], backbone: Backbone, progress: Progress = silent) -> NDArray[np.float32]:
    """Pooled features `(n, d)` in the order of the paths; raises ImageError for a file that cannot be decoded."""
    parts = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
    found = [pooled_features(part, backbone) for part in progress(parts, "features")]
    return np.concatenate([np.zeros((0, backbone.dimension), np.float32), *found])
