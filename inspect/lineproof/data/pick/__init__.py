"""Which images to annotate next: the doubtful ones, spread over all that nobody annotated; numpy only."""

from lineproof.data.pick.doubt import Doubt, doubt_of
from lineproof.data.pick.kcenter import Chosen, choose

__all__ = ["Chosen", "Doubt", "choose", "doubt_of"]
