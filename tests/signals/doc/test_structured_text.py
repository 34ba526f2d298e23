"""The Structured Text is run, and must decide as `decode` does."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Outcome, State, StationView
from lineproof.settings import parse_settings
from lineproof.signals.doc.structured_text import structured_text
from lineproof.signals.io_map import IoMap
from lineproof.signals.registers.decode import decode, read_block
from lineproof.signals.registers.image import REST, ControllerImage, controller_image, input_words
from lineproof.signals.registers.words import checksum
from signals.doc.st_runner import Program
from signals.registers.station_views import shown

PROGRAM = Program(structured_text(IoMap(), 120))
DEADLINE, WATCHDOG = 140, 300  # ms: two polls more than the line's, and that of the map


def test_checksum_and_wholeness_are_those_of_the_server():
    words = list(input_words(shown(5)))
    assert PROGRAM.functions.LP_Crc(words) == checksum(words[:42])
    assert PROGRAM.functions.LP_Crc([0] * 44) == checksum([0] * 42)
    chance = random.Random(1)
    for _ in range(150):
        block = list(words)
        if chance.random() < 0.7:
            block[chance.randrange(44)] ^= 1 << chance.randrange(16)
        assert PROGRAM.functions.LP_Whole(block) == (read_block(block) is not None)
    assert not PROGRAM.functions.LP_Whole(list(REST))


def mixed(chance: random.Random) -> list[int]:
    """A block as it should be, torn, or wrong behind a right checksum."""
    outcome = chance.choice(list(Outcome))
    words = list(input_words(shown(chance.randint(1, 3), outcome, session=chance.randint(7, 8))))
    kind = chance.randrange(4)
    if kind == 1:
        cut = chance.randrange(44)
        words[cut:] = input_words(shown(chance.randint(1, 3)))[cut:]
    if kind >= 2:
        at = chance.choice([0, 1, 4, 5, 6, 7, 38, 39, 40, 41])
        words[at] = chance.choice([0, 0xFFFF, words[at] ^ 1 << chance.randrange(16), words[at ^ 1]])
    if kind == 3:
        crc = checksum(words[:42])
        words[42:] = [crc >> 16, crc & 0xFFFF]
    return words


def test_its_answer_is_that_of_decode():
    chance = random.Random(2)
    believed = 0
    for _ in range(600):
        words = mixed(chance)
        reading = decode(words)
        expected = OUTCOME_CODES[reading.outcome] if reading and (reading.seq, reading.session) == (2, 7) else 0
        assert PROGRAM.functions.LP_Answer(words, 2, 7) == expected
        believed += expected != 0
    assert 20 < believed < 400


def test_low_word_first():
    program = Program(structured_text(parse_settings({"word_order": "little"}, IoMap, "t"), 120))
    words = list(input_words(shown(0x10002), "little"))
    assert program.functions.LP_Answer(words, 0x10002, 7) == OUTCOME_CODES[Outcome.PASS]
    assert program.functions.LP_Answer(list(input_words(shown(0x10002))), 0x10002, 7) == 0


class Rig:
    """A controller that scans every 10 ms and a station that shows what it is told, with a beating heart."""

    def __init__(self):
        self.clock = SimpleNamespace(ms=0)
        self.plc = PROGRAM.functions.LP_Station(self.clock)
        self.plc.Run = True
        self.beat = 0
        self.beats = True
        self.view = StationView(7, State.READY, ready=True)
        self.decided: list[bool] = []

    def scan(self, times: int = 1, **station: object) -> Rig:
        if station:
            self.view = StationView(**{"session": 7, "state": State.READY, "ready": True, **station})
        for _ in range(times):
            self.beat += self.beats
            facts = {name: getattr(self.view, name) for name in ("session", "state", "result", "ready", "triggered")}
            self.plc.Input = list(input_words(StationView(**facts, heartbeat=self.beat)))
            self.plc.scan()
            self.clock.ms += 10
            if self.plc.Decided:
                self.decided.append(self.plc.Pass)
            assert self.plc.Decided or not self.plc.Pass
        return self

    def part(self) -> Rig:
        self.plc.Part = True
        self.scan()
        self.plc.Part = False
        return self

    def answer(self, outcome: Outcome, seq: int | None = None, session: int = 7) -> Rig:
        view = shown(self.plc.TriggerSeq if seq is None else seq, outcome, session)
        return self.scan(result=view.result, session=session, triggered=True)

    @property
    def asks(self) -> ControllerImage:
        return controller_image(self.plc.Output)


@pytest.fixture
def rig() -> Rig:
    rig = Rig().scan(5)
    assert rig.plc.Ready
    return rig


def test_a_part_that_passes(rig):
    rig.plc.PartId = [0x5249, 0x4E47, *[0] * 6]
    rig.part()
    assert (rig.asks.enable, rig.asks.trigger, rig.asks.trigger_seq, rig.asks.part_id) == (True, True, 1, "RING")
    rig.scan(3, triggered=True).answer(Outcome.PASS)
    assert rig.decided == [True]
    assert (rig.asks.trigger, rig.asks.ack) == (False, True)
    rig.scan(triggered=True)
    assert not rig.asks.ack
    rig.scan(5)
    assert rig.decided == [True]
    assert rig.part().asks.trigger_seq == 2


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.PASS])
def test_every_other_answer_rejects_and_is_acknowledged(rig, outcome):
    rig.part().answer(outcome)
    assert rig.decided == [False]
    assert rig.asks.ack


def test_a_late_pass_is_a_reject_without_acknowledgement(rig):
    rig.part().scan(DEADLINE // 10, triggered=True)
    rig.answer(Outcome.PASS).scan(20)
    assert rig.decided == [False]
    assert not rig.asks.ack
    assert rig.part().asks.trigger_seq == 2


@pytest.mark.parametrize(("seq", "session"), [(2, 7), (0x10001, 7), (1, 8)])
def test_the_pass_of_another_part_or_session_is_none(rig, seq, session):
    rig.part().answer(Outcome.PASS, seq, session).scan(20)
    assert rig.decided == [False]


def test_a_heart_that_stands_still_rejects_at_once(rig):
    rig.beats = False
    rig.scan(WATCHDOG // 10 - 2)
    rig.part()
    rig.answer(Outcome.PASS, seq=99).scan(2)
    assert rig.decided == [False]
    rig.answer(Outcome.PASS, seq=1)
    assert rig.decided == [False]
    assert rig.scan(5).plc.Alive is False
    assert rig.part().plc.NotTriggered


def test_a_dead_connection_rejects(rig):
    rig.part()
    for _ in range(40):
        rig.plc.Input = [0] * 44
        rig.plc.scan()
        rig.clock.ms += 10
        assert not rig.plc.Pass
    assert not rig.plc.Alive
    assert not rig.plc.Busy


def test_a_part_while_it_is_not_ready_is_not_triggered(rig):
    rig.scan(ready=False)
    rig.part()
    assert rig.plc.NotTriggered
    assert not rig.asks.trigger
    rig.scan()
    assert not rig.plc.NotTriggered


def test_trigger_is_low_for_two_writes_between_two_parts(rig):
    rig.part().answer(Outcome.PASS)
    assert not rig.scan(ready=True).plc.Ready
    assert rig.scan(3).plc.Ready


def test_a_controller_that_lost_its_number_never_takes_a_standing_result(rig):
    """Its first number would be 1, and a PASS of part 1 still stands."""
    rig.answer(Outcome.PASS, seq=1).scan(3)
    rig.part()
    assert rig.asks.trigger_seq == 2
    rig.scan(20)
    assert rig.decided == [False]


def test_a_trigger_that_is_not_acknowledged_is_an_alarm(rig):
    rig.part().scan(3)
    assert not rig.plc.NoAck
    assert rig.scan(2).plc.NoAck


def test_the_numbers_of_the_line_are_in_it():
    io = parse_settings(
        {
            "port": 1502,
            "host": "10.0.0.5",
            "stations": {"left": {"unit": 3, "input_offset": 100}},
            "times": {"poll_ms": 5},
        },
        IoMap,
        "t",
    )
    text = structured_text(io, 90)
    for words in (
        "10.0.0.5:1502",
        "Station left: unit 3, input registers from 100",
        "every 5 ms",
        "T#100MS",
        "T#300MS",
    ):
        assert words in text
    assert "{" not in text
