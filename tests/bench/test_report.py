"""A report as JSON, table and picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.made_up_report import made_up_report
from lineproof.bench.report import as_dict, budget_answers
from lineproof.bench.table import text


def test_json_holds_every_row_and_what_it_was_measured_on() -> None:
    facts = json.loads(json.dumps(as_dict(made_up_report())))
    assert facts["machine"]["cpu"] == "AMD EPYC"
    assert facts["bundle"]["digest"] == "5f" * 32
    assert [race["threads"] for race in facts["races"]] == [1, 2]
    rows = {row["name"]: row for row in facts["races"][1]["rows"]}
    ours = rows["lineproof, cpu"]
    assert (ours["median_ms"], ours["ratio"], ours["calls"]) == (18.9, 0.9, 100)
    assert ours["ratios"]["bare run, this model"]["median"] == 1.022
    assert ours["stages_ms"] == {"preprocess": 0.6, "infer": 18.0, "postprocess": 0.3}
    assert rows["opencv"] == {
        "name": "opencv",
        "role": "peer",
        "floor": "bare run, stock export",
        "problem": "failed: no answer within 120 s",
    }


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (120, ["pre + run + post", "0.60 + 18.00 + 0.30", "found", "× own"], []),
        (80, ["min", "p99", "× floor", "× own", "RSS MiB"], ["pre + run + post"]),
        (60, ["median", "p99", "× floor", "CPU ms"], ["RSS MiB", "× own"]),
    ],
)
def test_the_table_fits_the_terminal_and_keeps_what_matters(width: int, there: list[str], gone: list[str]) -> None:
    shown = text(made_up_report(), width=width)
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "…" not in shown
    table = shown.split("2 threads")[1].split("plain: ")[0]
    assert all(word in table for word in there)
    assert not any(word in table for word in gone)


def test_rows_without_figures_say_why_under_the_table() -> None:
    shown = text(made_up_report())
    assert "opencv: failed: no answer within 120 s" in shown
    assert "ultralytics-torch: not run: ultralytics is not installed" in shown


def test_a_busy_machine_is_told_and_a_quiet_one_not() -> None:
    assert "the machine was busy" in text(made_up_report(unrest=0.9))
    assert "the machine was busy" not in text(made_up_report(unrest=0.05))


def test_colour_only_when_asked() -> None:
    assert "\x1b[" in text(made_up_report(), colour=True)
    assert "\x1b[" not in text(made_up_report())


def test_budget_answers_come_fastest_first_and_hold_by_p99() -> None:
    answers = budget_answers(made_up_report(), 25.0)
    assert [(a.name, a.threads, a.holds) for a in answers] == [
        ("lineproof, cpu", 2, True),  # p99 24.57: the median would also hold at 19 ms
        ("lineproof, openvino", 2, False),  # p99 25.22
        ("lineproof, openvino", 1, False),
        ("lineproof, cpu", 1, False),
    ]


def test_the_picture_is_a_png_that_grows_with_the_rows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import cv2

    from lineproof.bench.plot import draw

    draw(tmp_path / "bench.png", made_up_report())
    picture = cv2.imread(str(tmp_path / "bench.png"))
    assert picture is not None
    assert picture.shape[1] > 1000
    assert picture.std() > 20  # bars, not an empty sheet
