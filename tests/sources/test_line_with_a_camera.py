"""The whole line behind an HTTP camera that stalls, is cut and truncates."""

from __future__ import annotations

import itertools

import pytest

from line_rig import line_of
from lineproof.sources.open import open_source
from lineproof.sources.settings import StreamSettings
from mjpeg_rig import jpeg, picture, stall

GREYS = itertools.count(100)
WHOLE = jpeg(100, (64, 48))


def good(camera) -> None:
    """A picture like no other: a live sensor does not repeat itself."""
    picture(jpeg(next(GREYS)))(camera)


def cut(camera) -> None:
    """Announce a whole picture, send half of it, hang up."""
    picture(WHOLE[: len(WHOLE) // 2], announced=len(WHOLE))(camera)


@pytest.mark.parametrize("trouble", [stall, cut], ids=["stall", "cut"])
def test_a_camera_lost_is_one_fault_and_parts_pass_again_after_reconnecting(camera_server, trouble):
    server = camera_server((good, good, good, trouble), (good, good, good, stall))
    settings = StreamSettings(
        kind="stream", url=server.url, stall_s=0.4, open_timeout_s=3, backoff_s=0.02, discard_frames=1
    )
    line, signal = line_of(open_source(settings), on_demand=False)
    line.run(max_parts=5)
    decisions = [item.decision.value for item in signal.sent]
    assert decisions == ["PASS", "PASS", "FAULT", "PASS", "PASS"]
    assert signal.sent[2].verdict.reasons[0].rule == "source"
    assert server.connections == 2
    assert line.feeder.losses == 1


def test_a_truncated_picture_is_the_fault_of_one_part(camera_server):
    half = picture(WHOLE[: len(WHOLE) // 2])
    server = camera_server((good, good, half, good, stall))
    settings = StreamSettings(kind="stream", url=server.url, stall_s=5, open_timeout_s=5, discard_frames=1)
    line, signal = line_of(open_source(settings), on_demand=False)
    line.run(max_parts=3)
    assert [item.decision.value for item in signal.sent] == ["PASS", "FAULT", "PASS"]
    assert len({item.part_id for item in signal.sent}) == 3
    assert server.connections == 1
