from __future__ import annotations

import pytest

from lineproof.adapt.base_speed import measure_base

pytestmark = pytest.mark.train


def test_every_size_is_measured_once_the_network_is_exported():
    said: list[str] = []
    took = measure_base("scratch", "detect", ("dent",), sides=(64, 96), say=said.append)
    assert [side for side, _ in took] == [64, 96]
    assert all(ms > 0 for _, ms in took)
    assert "exporting it to measure it" in said
