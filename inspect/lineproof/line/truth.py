"""Decisions against truth, while a replay of annotated images runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from lineproof.core import Decision, Image, Inspection


class TruthTally:
    """A Recorder that counts decisions of good and of bad parts; unknown images are counted apart."""

    def __init__(self, good_by_name: Mapping[str, bool]) -> None:
        """`good_by_name`: image name (POSIX path below the dataset's `images/`) → is it a good part."""
        self._good = dict(good_by_name)
        bare = Counter(PurePath(name).name for name in good_by_name)
        for name, good in good_by_name.items():  # a copy of the images elsewhere is found by its bare name
            if bare[PurePath(name).name] == 1:
                self._good.setdefault(PurePath(name).name, good)
        self.counts: Counter[tuple[bool, Decision]] = Counter()
        self.unknown = 0

    def put(self, inspection: Inspection, image: Image | None) -> None:
        """Count one decision."""
        del image
        good = self._lookup(inspection.origin)
        if good is None:
            self.unknown += 1
        else:
            self.counts[good, inspection.decision] += 1

    def close(self) -> None:
        """Nothing is pending."""

    def _lookup(self, origin: str) -> bool | None:
        """The longest tail of the path that the dataset knows."""
        parts = PurePath(origin).parts
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((self._good[tail] for tail in tails if tail in self._good), None)
