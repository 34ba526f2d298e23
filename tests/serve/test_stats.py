"""/v1/stats and /metrics count the same things, and nothing by part."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from builders import detections, inspection
from lineproof.core import StageTimes
from lineproof.serve.errors import CODES
from lineproof.serve.metrics import STAGES, Metrics
from lineproof.serve.stats import WINDOW, Stats
from serve.served import SCRATCH, engine, picture, serving


def samples(text: str) -> dict[tuple[str, str], float]:
    """(name, value of the only label or "") → value."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_both_say_what_happened():
    unsure = detections((1, 1, 9, 9, 0.4, 1))
    with serving(engine(SCRATCH, unsure, RuntimeError("gone"))) as server:
        for name in ("a", "b", "c", "d", "a"):
            server.post(part_id=name)
        server.post(b"no image")
        server.client.get("/nowhere")
        stats = server.client.get("/v1/stats").json()
        answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = samples(answer.text)
    assert stats["decisions"] == {"PASS": 1, "FAIL": 1, "REVIEW": 1, "FAULT": 1}
    for decision, count in stats["decisions"].items():
        assert found["lineproof_inspections_total", decision] == count
    assert stats["rejected"] == {"not_an_image": 1, "not_found": 1}
    assert {code: found["lineproof_rejected_total", code] for code in CODES} == {
        code: stats["rejected"].get(code, 0) for code in CODES
    }
    assert stats["repeats"] == found["lineproof_repeats_total", ""] == 1
    assert stats["late"] == found["lineproof_late_total", ""] == 0
    assert set(stats["stages_ms"]) == set(STAGES)
    for stage in STAGES:
        assert stats["stages_ms"][stage]["count"] == found["lineproof_stage_seconds_count", stage] == 3
    assert stats["rate_per_s"] > 0


def test_no_series_grows_with_the_parts():
    with serving() as server:
        server.post(part_id="a")
        before = len(server.client.get("/metrics").text.splitlines())
        for number in range(20):
            server.post(picture(grey=number), part_id=f"p{number}")
        text = server.client.get("/metrics").text
    assert len(text.splitlines()) == before
    assert "p7" not in text


def test_percentiles_look_back_on_a_bounded_window():
    stats = Stats(Metrics())
    for number in range(WINDOW + 500):
        stats.inspected(inspection(times_ms=StageTimes(decode=number, judge=0.1, total=number)))
    decode = stats.stages_ms()["decode"]
    assert decode.count == WINDOW
    assert (decode.max, decode.p50) == (WINDOW + 499, 500 + (WINDOW - 1) / 2)
    assert decode.p50 <= decode.p95 <= decode.p99 <= decode.max
    assert stats.decisions["PASS"] == WINDOW + 500
    assert WINDOW < stats.busy_ms < WINDOW + 500
