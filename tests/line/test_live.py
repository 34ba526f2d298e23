from __future__ import annotations

from rich.console import Console

from builders import frame
from line_rig import BAD, GOOD, line_of, scripted_engine
from lineproof.errors import FrameError, SourceLost
from lineproof.line.live import LiveView


def drawn(view: LiveView) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(view.render())
    console.file.close()
    return console.export_text()


def test_the_table_shows_decisions_latencies_last_parts_and_health():
    line, _ = line_of(
        [frame("a"), frame("[red]b"), FrameError("c.png: torn", part_id="c"), SourceLost("cable")],
        scripted_engine(GOOD, BAD),
    )
    view = LiveView(line, "press-3 · demo", lambda: "disk full")
    assert "0 parts" in drawn(view)
    line.run()
    text = drawn(view)
    for word in ("press-3", "PASS 1", "FAIL 1", "FAULT 2", "yield 25.0%", "p99", "total", "age", "c.png: torn"):
        assert word in text, word
    assert "[red]b" in text  # a part id is no markup
    assert "source cable" in text
    assert "records disk full" in text
    assert "engine ok" in text


def test_the_picture_keeps_its_height_once_parts_come():
    line, _ = line_of([])
    view = LiveView(line, "press-3", lambda: "")
    heights = set()
    for _ in range(12):
        line.handoff.put(frame("x"))
        line.turn(0)
        heights.add(drawn(view).count("\n"))
    line.run()
    assert len(heights) == 1
