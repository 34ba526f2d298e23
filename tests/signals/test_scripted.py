from __future__ import annotations

import pytest

from builders import inspection
from lineproof.errors import SignalError
from lineproof.signals.scripted import ScriptedSignal


def test_it_remembers_and_fails_on_demand():
    signal = ScriptedSignal(lambda item: item.part_id == "b")
    signal.send(inspection("a"))
    with pytest.raises(SignalError):
        signal.send(inspection("b"))
    signal.heartbeat()
    signal.close()
    assert [item.part_id for item in signal.sent] == ["a"]
    assert (signal.heartbeats, signal.closed) == (1, True)
