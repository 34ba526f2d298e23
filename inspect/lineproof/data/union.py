"""Things that belong together, from pairs that do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Thing = TypeVar("Thing", bound=Hashable)


class Union(Generic[Thing]):
    """Disjoint sets that grow by joining; every thing starts alone."""

    def __init__(self, things: Iterable[Thing]) -> None:
        self._parent = {thing: thing for thing in things}

    def join(self, a: Thing, b: Thing) -> None:
        """From now on `a` and `b` are together, and so is everything that is with either."""
        self._parent[self._root(a)] = self._root(b)

    def sets(self) -> list[list[Thing]]:
        """Every set, its things and the sets in the order in which they came."""
        members: defaultdict[Thing, list[Thing]] = defaultdict(list)
        for thing in self._parent:
            members[self._root(thing)].append(thing)
        return list(members.values())

    def _root(self, thing: Thing) -> Thing:
        while self._parent[thing] != thing:
            self._parent[thing] = self._parent[self._parent[thing]]
            thing = self._parent[thing]
        return thing
