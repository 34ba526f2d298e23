"""A report with figures of the right size, measured nowhere."""

from __future__ import annotations

from lineproof.bench.contenders import OWN_FLOOR, STOCK_FLOOR, Role
from lineproof.bench.measure import Report
from lineproof.bench.race import Race, RaceSettings, Row
from lineproof.bench.rounds import Ratio, Spread

FIGURES: list[tuple[str, Role, float, float, int | None, bool]] = [
    (STOCK_FLOOR, "floor", 21.0, 42.0, None, False),
    (OWN_FLOOR, "floor", 18.5, 37.0, None, False),
    ("lineproof, cpu", "lineproof", 18.9, 37.6, 12, True),
    ("lineproof, openvino", "lineproof", 19.4, 36.1, 12, True),
    ("ultralytics", "peer", 24.8, 47.9, 12, True),
    ("plain", "peer", 22.3, 21.9, 12, True),
    ("openvino", "peer", 19.5, 36.6, 12, True),
]


def made_up_report(unrest: float = 0.02) -> Report:
    """One and two threads, one peer that does not run, one that fails."""
    races = tuple(Race(threads, _rows(threads), unrest) for threads in (1, 2))
    return Report(
        subject={
            "name": "steel strip",
            "digest": "5f" * 32,
            "task": "detect",
            "classes": 6,
            "input_wh": [640, 640],
            "precision": "fp32",
        },
        frame={"wh": [1920, 1080], "from": "probe patches_12.jpg"},
        races=races,
        settings=RaceSettings(),
        machine={
            "cpu": "AMD EPYC",
            "cores": 2,
            "flags": ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"],
            "gpu": "",
            "load_average": 0.1,
        },
        versions={"lineproof": "0.1.0", "onnxruntime": "1.32.0", "opencv-python-headless": "5.0.0.93"},
        date="2026-11-23T10:00:00+00:00",
    )


def _rows(threads: int) -> tuple[Row, ...]:
    rows = [_row(*figure, threads=threads) for figure in FIGURES]
    rows.append(Row("opencv", "peer", STOCK_FLOOR, problem="failed: no answer within 120 s"))
    rows.append(Row("ultralytics-torch", "peer", STOCK_FLOOR, problem="not run: ultralytics is not installed"))
    return tuple(rows)


def _row(name: str, role: Role, two: float, one: float, found: int | None, staged: bool, *, threads: int) -> Row:
    median = two if threads == 2 else one
    floor, own = (21.0, 18.5) if threads == 2 else (42.0, 37.0)
    ratios = {
        STOCK_FLOOR: Ratio(median / floor, 0.98 * median / floor, 1.03 * median / floor),
        OWN_FLOOR: Ratio(median / own, 0.98 * median / own, 1.03 * median / own),
    }
    return Row(
        name,
        role,
        STOCK_FLOOR,
        provider="CPUExecutionProvider",
        precision="fp32",
        detections=found,
        note="stock export; infer holds the blob and the decoding of every box" if name == "plain" else "",
        spread=Spread(100, median * 0.95, median, median * 1.3),
        ratio=ratios[STOCK_FLOOR],
        ratios=ratios,
        stages_ms={"preprocess": 0.6, "infer": median - 0.9, "postprocess": 0.3} if staged else {},
        cpu_ms=median * threads,
        rss_mib=137.2,
        peak_mib=171.0,
    )
