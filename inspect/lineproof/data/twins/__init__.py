"""Pictures of the same place of the same part: re-exposed, shifted, mirrored, turned or resized."""

from lineproof.data.twins.finder import Twin, TwinFinder

__all__ = ["Twin", "TwinFinder"]
