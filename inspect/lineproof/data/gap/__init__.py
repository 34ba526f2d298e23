"""How far two sets of images are apart, in what, and whether that can be chance; numpy and OpenCV only."""

from lineproof.data.gap.measure import Gap, Side, measure_gap

__all__ = ["Gap", "Side", "measure_gap"]
