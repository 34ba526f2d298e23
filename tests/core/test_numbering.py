"""Numbers of parts: up by one, modulo 2³², never 0."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lineproof.core.numbering import Numbering


@pytest.mark.parametrize(("last", "following"), [(0, [1, 2, 3]), (2**32 - 2, [2**32 - 1, 1, 2])])
def test_up_by_one_and_never_zero(last, following):
    numbering = Numbering(last)
    assert [numbering.next() for _ in following] == following


def test_no_number_twice_whoever_asks():
    numbering = Numbering()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: numbering.next(), range(2000)))
    assert sorted(found) == list(range(1, 2001))
