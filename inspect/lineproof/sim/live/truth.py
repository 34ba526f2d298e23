"""What a dataset says of a picture, by where the picture came from."""

from __future__ import annotations

from lineproof.line.truth import TruthTally


class Truth(TruthTally):
    """The line's own look-up of names, asked for one picture at a time."""

    def is_good(self, origin: str) -> bool | None:
        """Whether it shows a good part; None for a picture that the dataset does not have."""
        return self._lookup(origin)
