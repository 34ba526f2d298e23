from __future__ import annotations

import struct
from zlib import crc32

import numpy as np
import pytest

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Outcome, State, StationView
from lineproof.signals.registers.decode import decode, is_pass, read_block
from lineproof.signals.registers.image import input_words
from lineproof.signals.registers.words import checksum, inverse
from signals.registers.station_views import shown

GOOD = input_words(shown(5))


def sealed(words: list[int] | tuple[int, ...]) -> list[int]:
    """The same block with a right checksum, to test what lies behind it."""
    crc = checksum(words[:42])
    return [*words[:42], crc >> 16, crc & 0xFFFF]


def changed(**words: int) -> list[int]:
    block = list(GOOD)
    for at, value in words.items():
        block[int(at[1:])] = value
    return block


def passes(words) -> bool:
    return is_pass(words, seq=5, session=7)


def test_a_pass_is_for_one_part_of_one_session():
    assert passes(GOOD)
    assert not is_pass(GOOD, seq=6, session=7)
    assert not is_pass(GOOD, seq=5, session=8)
    reading = decode(GOOD)
    assert (reading.session, reading.seq, reading.outcome, reading.part_id) == (7, 5, Outcome.PASS, "part-5")


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.PASS])
def test_the_other_outcomes_are_read_and_pass_nothing(outcome):
    words = input_words(shown(5, outcome, reason_code=3))
    assert decode(words).outcome is outcome
    assert decode(words).reason_code == 3
    assert not passes(words)


@pytest.mark.parametrize(
    "words",
    [
        [0] * 44,
        [0xFFFF] * 44,
        GOOD[:43],
        (*GOOD, 0),
        (),
        changed(_0=0x0101),
        sealed(changed(_0=0x0200)),
        sealed(changed(_1=GOOD[1] & ~0x40)),
        sealed(changed(_7=0)),
        sealed(changed(_6=0xFFFF, _7=0)),
        sealed(changed(_41=6)),
        sealed(changed(_5=0, _41=0)),
        changed(_42=GOOD[42] ^ 1),
        changed(_6=-1),
        changed(_6=0x1A5C3),
        input_words(StationView(7, State.READY)),
        input_words(shown(5), "little"),
    ],
)
def test_whatever_is_not_whole_is_no_result(words):
    assert decode(words) is None
    assert not passes(words)


def test_no_single_or_double_bit_of_the_block_can_be_wrong():
    """All 704 single and all 247,456 double errors change the checksum, which is linear: no error has syndrome 0."""
    packed = bytearray(struct.pack(">44H", *GOOD))

    def syndrome(bit: int) -> int:
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        return crc32(flipped[:84]) ^ int.from_bytes(flipped[84:], "big")

    syndromes = np.array([syndrome(bit) for bit in range(704)])
    assert (syndromes != 0).all()
    assert len(np.unique(syndromes)) == 704
    for bit in range(0, 704, 3):
        block = list(GOOD)
        block[bit // 16] ^= 1 << bit % 16
        assert decode(block) is None


def test_every_stuck_word_is_no_pass():
    """One word of the block keeps what it had in the block before, or is held low or high."""
    before = input_words(shown(4, Outcome.FAIL, reason_code=9))
    for at in range(44):
        for held in (before[at], 0, 0xFFFF):
            block = [*GOOD[:at], held, *GOOD[at + 1 :]]
            assert passes(block) == (held == GOOD[at])


@pytest.mark.parametrize("outcome", Outcome)
def test_swapped_bytes_and_words_of_the_whole_block_are_no_pass(outcome):
    words = input_words(shown(5, outcome))
    bytes_swapped = [(word & 0xFF) << 8 | word >> 8 for word in words]
    words_swapped = [words[at ^ 1] for at in range(44)]
    both = [bytes_swapped[at ^ 1] for at in range(44)]
    for block in (bytes_swapped, words_swapped, both):
        assert not passes(block)
        assert not passes(sealed(block))


def test_10_000_torn_mixes_of_two_blocks_never_pass_the_wrong_part():
    """A reader that takes the block in pieces sees some words of one result and the rest of the next."""
    chance = np.random.default_rng(20261126)
    outcomes = [list(Outcome)[pick] for pick in chance.integers(0, 5, 10_001)]
    blocks = np.array([input_words(shown(seq + 1, outcome)) for seq, outcome in enumerate(outcomes)])
    cuts = np.sort(chance.integers(0, 45, (10_000, 3)), axis=1)
    from_next = (np.arange(44) >= cuts[:, :, None]).sum(axis=1) % 2 == 1
    mixes = np.where(from_next, blocks[1:], blocks[:-1])
    torn = 0
    for at, mix in enumerate(mixes.tolist()):
        reading = decode(mix)
        if reading is None:
            torn += 1
            continue
        assert mix in (list(blocks[at]), list(blocks[at + 1]))
        assert reading.outcome is outcomes[reading.seq - 1]
        assert is_pass(mix, seq=reading.seq, session=7) == (reading.outcome is Outcome.PASS)
        assert not is_pass(mix, seq=2 * at + 3 - reading.seq, session=7)  # the other of the two
    assert torn > 8_000


def test_a_torn_block_is_refused_even_with_a_right_checksum():
    """Head and tail do not need the checksum: a controller without it still sees every cut between them."""
    one, two = input_words(shown(5)), input_words(shown(6, Outcome.FAIL))
    for cut in range(6, 41):
        assert decode(sealed((*one[:cut], *two[cut:]))) is None


def test_a_block_without_a_result_still_tells_the_state():
    block = read_block(input_words(StationView(7, State.ERROR, heartbeat=3, fault_code=12)))
    assert (block.session, block.heartbeat, block.state, block.fault_code, block.reading) == (7, 3, 3, 12, None)


def test_random_blocks_are_no_result():
    chance = np.random.default_rng(1)
    for words in chance.integers(0, 0x10000, (2_000, 44)).tolist():
        assert decode(words) is None
        words[0], words[1], words[6], words[7] = (
            0x0100,
            0x0041,
            OUTCOME_CODES[Outcome.PASS],
            inverse(OUTCOME_CODES[Outcome.PASS]),
        )
        assert decode(words) is None
