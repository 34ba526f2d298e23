"""The enumeration behind the result codes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Outcome
from lineproof.signals.registers.words import (
    ascii_bytes,
    ascii_text,
    checksum,
    first_32_bits,
    inverse,
    joined,
    outcome_of,
    pair,
)

PAIRS = {outcome: (code, inverse(code)) for outcome, code in OUTCOME_CODES.items()}
PASS = PAIRS[Outcome.PASS]


def swapped_bytes(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def distance(one: tuple[int, int], two: tuple[int, int]) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, two, strict=True))


def reads_as(code: np.ndarray, complement: np.ndarray, outcome: Outcome) -> np.ndarray:
    """`outcome_of` on arrays; the test below proves that they agree."""
    return (code == OUTCOME_CODES[outcome]) & (complement == (code ^ 0xFFFF))


def test_the_codes_are_those_of_map_1_0():
    assert [f"{code:04X}" for code in OUTCOME_CODES.values()] == ["A5C3", "5A96", "6C69", "3935", "93AC"]
    for outcome, words in PAIRS.items():
        assert outcome_of(*words) is outcome


def test_no_corruption_of_up_to_5_bits_of_pass_reads_as_anything():
    """All 242,824 of them: 32 + 496 + 4,960 + 35,960 + 201,376."""
    word = PASS[0] << 16 | PASS[1]
    masks = np.array(
        [sum(1 << bit for bit in bits) for many in range(1, 6) for bits in combinations(range(32), many)], np.uint32
    )
    assert len(masks) == len(set(masks.tolist())) == 242_824
    corrupt = word ^ masks
    code, complement = corrupt >> 16, corrupt & 0xFFFF
    for outcome in Outcome:
        assert not reads_as(code, complement, outcome).any()
    for value in corrupt[::97].tolist():
        assert outcome_of(value >> 16, value & 0xFFFF) is None


def test_every_other_pair_is_16_bits_or_more_away_from_pass():
    others = [words for outcome, words in PAIRS.items() if outcome is not Outcome.PASS]
    for words in (*others, (0, 0), (0xFFFF, 0xFFFF), (0, 0xFFFF), (0xFFFF, 0)):
        assert distance(words, PASS) >= 16


def test_of_all_65536_codes_with_their_complement_five_are_read():
    every = np.arange(0x10000, dtype=np.uint32)
    assert {
        int(code): outcome_of(int(code), inverse(int(code)))
        for code in every
        if outcome_of(int(code), inverse(int(code)))
    } == {code: outcome for outcome, code in OUTCOME_CODES.items()}


@pytest.mark.parametrize("outcome", Outcome)
def test_swapped_bytes_and_words_never_read_as_pass(outcome):
    code, complement = PAIRS[outcome]
    bytes_swapped = (swapped_bytes(code), swapped_bytes(complement))
    for words in (bytes_swapped, (complement, code), bytes_swapped[::-1]):
        assert outcome_of(*words) is not Outcome.PASS


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.PASS])
def test_a_stuck_word_makes_no_pass(outcome):
    """One of the two words holds its last value while the other moves on to the next result."""
    for one, two in ((PAIRS[outcome], PASS), (PASS, PAIRS[outcome]), ((0, 0), PASS), ((0xFFFF,) * 2, PASS)):
        assert outcome_of(one[0], two[1]) is None


def test_the_checksum_is_that_of_ethernet():
    text = b"12345678"
    words = [text[at] << 8 | text[at + 1] for at in range(0, 8, 2)]
    assert checksum(words) == 0x9AE0DAAF  # the CRC-32 of "12345678"
    assert checksum([0] * 42) != 0


@pytest.mark.parametrize("order", ["big", "little"])
def test_two_words_make_the_value_again(order):
    for value in (0, 1, 0x12345678, 0xFFFFFFFF):
        assert joined(*pair(value, order), order) == value
    assert pair(0x12345678, "big") == (0x1234, 0x5678)
    assert pair(0x12345678, "little") == (0x5678, 0x1234)


@pytest.mark.parametrize(
    ("text", "data", "again"),
    [
        ("", b"\0\0\0\0", ""),
        ("AB", b"AB\0\0", "AB"),
        ("ABCDE", b"ABCD", "ABCD"),
        ("Öl\n", b"?l?\0", "?l?"),
        ("A  ", b"A  \0", "A"),
    ],
)
def test_text(text, data, again):
    assert ascii_bytes(text, 4) == data
    assert ascii_text(data) == again


def test_text_ends_at_the_first_nul_and_is_printable():
    assert ascii_text(b"AB\0CD") == "AB"
    assert ascii_text(b"A\x07\xff\n") == "A??"


@pytest.mark.parametrize(
    ("digest", "word"), [("89abcdef" * 8, 0x89ABCDEF), ("", 0), ("xyz", 0), ("abc", 0), ("-1234567", 0)]
)
def test_first_32_bits_of_a_digest(digest, word):
    assert first_32_bits(digest) == word
