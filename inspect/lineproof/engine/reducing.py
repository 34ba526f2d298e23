"""How many times smaller a JPEG may be decoded before the letterbox would have to enlarge it."""

from __future__ import annotations

from collections.abc import Collection

from lineproof.core.decode import REDUCTIONS, Reduce, reduction, whole
from lineproof.engine.letterbox import Fit


def reduce_for(input_wh: tuple[int, int], allowed: Collection[int] = REDUCTIONS) -> Reduce:
    """For a model of fixed input size; only the allowed reductions are taken.

    EXIF may turn a picture by a quarter after its size was read: the reduction suits it both ways round.
    """
    if not allowed:
        return whole

    def reduce(image_wh: tuple[int, int]) -> int:
        turned_wh = image_wh[1], image_wh[0]
        return min(reduction(wh, Fit.between(wh, input_wh).scaled_wh, allowed) for wh in (image_wh, turned_wh))

    return reduce
