"""A source behind a gate."""

from __future__ import annotations

import pytest

from builders import frame, image
from lineproof.errors import FrameError, SourceEnded
from lineproof.sources.scripted import ScriptedSource
from lineproof.watch.gated import GatedSource
from lineproof.watch.quality import QualityGate
from lineproof.watch.settings import QualitySettings


def test_a_frame_that_the_gate_refuses_is_none_and_the_next_one_is_given():
    script = ScriptedSource([frame("dark", image=image(grey=3), origin="a.png"), frame("good", image=image(grey=100))])
    source = GatedSource(script, QualityGate(QualitySettings(mean=(80, 120))))
    with pytest.raises(FrameError, match="too dark: mean 3") as caught:
        source.grab(0.1)
    assert (caught.value.part_id, caught.value.origin) == ("dark", "a.png")
    assert source.grab(0.1).part_id == "good"
    with pytest.raises(SourceEnded):
        source.grab(0.1)
    source.close()
    assert script.closed
