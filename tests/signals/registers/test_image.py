from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Counters, Outcome, PartResult, State, StationView
from lineproof.signals.registers.decode import decode, is_pass, read_block
from lineproof.signals.registers.image import REST, ControllerImage, controller_image, holding_words, input_words
from lineproof.signals.registers.layout import ADDRESS, HOLDING, HOLDING_WORDS, INPUT, INPUT_WORDS, Cmd, Status
from signals.registers.station_views import UINT16, UINT32, VIEWS, shown


@pytest.mark.parametrize(("registers", "words"), [(INPUT, INPUT_WORDS), (HOLDING, HOLDING_WORDS)])
def test_registers_follow_each_other_without_gaps(registers, words):
    at = 0
    for register in registers:
        assert register.address == at
        at += register.words
    assert at == words
    assert len({register.name for register in registers}) == len(registers)


def test_a_result_word_by_word():
    result = PartResult(
        session=0x01020304,
        seq=0x11223344,
        part_id="ring-0008-long-id",
        outcome=Outcome.FAIL,
        reason_code=17,
        defects=3,
        top_class=2,
        top_score=0.8765,
        worst_size_um=70_000,
        latency_ms=23.46,
        frame_age_ms=7000,
        model_id="89abcdef" * 8,
        ruleset_id="01234567" * 8,
        recipe=5,
    )
    view = StationView(
        session=0x01020304,
        state=State.SINGLE_EXECUTION,
        result=result,
        triggered=True,
        acquired=True,
        heartbeat=0x1FFFF,
        fault_code=0,
        recipe=6,
        part_id="another",
        counters=Counters(1, 2, 3, 2**32 + 4),
    )
    words = input_words(view)
    assert words[:4] == (0x0100, 0b1010101, 0xFFFF, 7)
    assert words[4:9] == (0x1122, 0x3344, 0x5A96, 0xA569, 17)
    assert words[9:16] == (3, 2, 8765, 1, 70_000 - 65_536, 235, 0xFFFF)
    assert words[16:22] == (0x89AB, 0xCDEF, 0x0123, 0x4567, 5, 0)
    assert b"".join(word.to_bytes(2, "big") for word in words[22:30]) == b"ring-0008-long-i"
    assert words[30:42] == (0, 1, 0, 2, 0, 3, 0, 4, 0x0102, 0x0304, 0x1122, 0x3344)


def test_every_status_bit_has_its_flag():
    names = {
        "ready": Status.TRIGGER_READY,
        "triggered": Status.TRIGGER_ACK,
        "acquiring": Status.ACQUIRING,
        "acquired": Status.ACQUISITION_DONE,
        "inspecting": Status.INSPECTING,
        "missed_trigger": Status.MISSED_TRIGGER,
        "result_overrun": Status.RESULT_OVERRUN,
        "warning": Status.WARNING,
        "challenge_due": Status.CHALLENGE_DUE,
        "simulation": Status.SIMULATION,
        "degraded": Status.DEGRADED_EP,
        "storage_degraded": Status.STORAGE_DEGRADED,
        "drift": Status.DRIFT_ALARM,
    }
    for name, flag in names.items():
        assert input_words(StationView(7, State.HALTED, **{name: True}))[1] == flag
    assert input_words(StationView(7, State.READY))[1] == Status.ONLINE
    assert input_words(StationView(7, State.ERROR))[1] == Status.FAULT
    assert input_words(StationView(7, State.READY, fault_code=4))[1] == Status.ONLINE | Status.FAULT
    assert input_words(shown(3))[1] == Status.ONLINE | Status.RESULT_VALID


@pytest.mark.parametrize("seq", [0, -1, 2**32, 2**32 + 3])
def test_a_result_that_no_trigger_can_have_asked_for_is_not_shown(seq):
    assert decode(input_words(shown(seq))) is None


def test_a_result_of_another_session_is_not_shown():
    old = PartResult(6, 3, "part-3", Outcome.PASS)
    words = input_words(StationView(7, State.READY, old))
    assert words[4:8] == (0, 0, 0, 0)
    assert not words[1] & Status.RESULT_VALID


@given(VIEWS, st.sampled_from(["big", "little"]))
def test_any_view_is_44_words_and_passes_only_what_it_shows_as_passed(view, order):
    words = input_words(view, order)
    assert len(words) == 44
    assert all(type(word) is int and 0 <= word <= 0xFFFF for word in words)
    block = read_block(words, order)
    assert block is not None
    reading, result = block.reading, view.result
    if reading is not None:
        assert (reading.session, reading.seq, reading.outcome) == (result.session, result.seq, result.outcome)
        assert reading.session == view.session
    passed = reading is not None and reading.outcome is Outcome.PASS
    assert passed == (
        result is not None and result.outcome is Outcome.PASS and result.session == view.session and result.seq > 0
    )
    seq = reading.seq if reading else 0
    assert is_pass(words, seq=seq, session=view.session, order=order) == passed
    assert not is_pass(words, seq=seq + 1, session=view.session, order=order)
    assert not is_pass(words, seq=seq, session=view.session + 1, order=order)


def test_rest_is_zero_and_no_result():
    assert REST == (0,) * 44
    assert read_block(REST) is None


IMAGES = st.builds(
    ControllerImage,
    *[st.booleans()] * 6,
    heartbeat=UINT16,
    trigger_seq=UINT32,
    part_id=st.sampled_from(["", "ring-8", "~" * 16]),
    recipe=UINT16,
    deadline_ms=UINT16,
    encoder=UINT32,
)


@given(IMAGES, st.sampled_from(["big", "little"]))
def test_what_a_controller_writes_is_read_again(image, order):
    words = holding_words(image, order)
    assert len(words) == 32
    assert words[16:] == (0,) * 16
    assert controller_image(words, order) == image


@given(st.lists(UINT16, min_size=32, max_size=32))
def test_any_32_words_are_an_image(words):
    image = controller_image(words)
    assert image.trigger == bool(words[0] & Cmd.TRIGGER)
    assert image.trigger_seq == words[2] << 16 | words[3]


def test_another_number_of_words_is_none():
    with pytest.raises(ValueError, match="expected 32 holding registers, got 31"):
        controller_image([0] * 31)


def test_addresses_are_those_of_map_1_0():
    known = {
        "STATUS": 1,
        "RESULT_SEQ": 4,
        "RESULT": 6,
        "PART_ID": 22,
        "SESSION_ID": 38,
        "RESULT_SEQ_COPY": 40,
        "CRC32": 42,
    }
    assert {name: ADDRESS[name] for name in known} == known
    assert {register.name: register.address for register in HOLDING} == {
        "CMD": 0,
        "PLC_HEARTBEAT": 1,
        "TRIGGER_SEQ": 2,
        "PART_ID": 4,
        "RECIPE_REQ": 12,
        "DEADLINE_MS": 13,
        "ENCODER": 14,
        "RESERVED": 16,
    }
