from __future__ import annotations

import json

import numpy as np
import pytest

from builders import inspection
from lineproof.core import StageTimes
from lineproof.core.verdict import fault
from lineproof.line.stats import LineStats, Ring, spread


def test_percentiles_are_of_the_last_values_and_the_maximum_of_all():
    ring = Ring(100)
    ring.add(5000)
    for value in range(1, 101):
        ring.add(value)
    values = ring.values()
    assert sorted(values) == list(range(1, 101))
    found = spread(values, ring.largest)
    assert found.p50 == pytest.approx(np.percentile(range(1, 101), 50))
    assert found.p99 == pytest.approx(np.percentile(range(1, 101), 99), abs=1e-3)
    assert found.max == 5000


def test_memory_is_bounded():
    line_stats = LineStats()
    for number in range(50):
        line_stats.answered(inspection(f"p{number}"), age_ms=number, signal_ms=0)
    now = line_stats.snapshot()
    assert now.parts == 50
    assert [answer.part_id for answer in now.recent] == [f"p{number}" for number in range(42, 50)]


def test_counts_yield_and_faults_by_rule():
    stats = LineStats()
    for _ in range(3):
        stats.answered(inspection(times_ms=StageTimes(infer=10, judge=1)), age_ms=12, signal_ms=0.5)
    stats.answered(inspection("f", fault("deadline", "late")), age_ms=100, signal_ms=0.5)
    now = stats.snapshot()
    assert now.decisions == {"PASS": 3, "FAIL": 0, "REVIEW": 0, "FAULT": 1}
    assert now.pass_yield == 0.75
    assert now.faults == {"deadline": 1}
    assert now.stages_ms["infer"].p50 == 10  # what was not inspected has no inference time
    assert now.stages_ms["age"].max == 100
    assert "decode" not in now.stages_ms
    assert now.recent[-1].why == "late"
    json.dumps(now.as_dict())


def test_nothing_yet_is_no_yield():
    now = LineStats().snapshot()
    assert now.pass_yield is None
    assert now.stages_ms == {}
    assert now.parts == now.rate_hz == 0


def test_rates_by_the_clock_they_were_given():
    now_ns = 0
    stats = LineStats(lambda: now_ns)
    for second in range(1, 101):
        now_ns = second * 10**9
        stats.answered(inspection(), age_ms=1, signal_ms=0)
    assert stats.snapshot().mean_rate_hz == 1
    assert stats.snapshot().rate_hz == 1
    now_ns = 200 * 10**9
    assert stats.snapshot().rate_hz == 0
    stats.end()
    now_ns = 300 * 10**9
    assert stats.snapshot().mean_rate_hz == 0.5
