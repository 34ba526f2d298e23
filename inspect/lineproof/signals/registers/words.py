"""Words on the wire: result codes, word order, text, checksum."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Literal
from zlib import crc32

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Outcome

Words = tuple[int, ...]  # of 0..0xFFFF each
WordOrder = Literal["big", "little"]  # which word of a 32-bit value comes first: the high one, or the low one

OUTCOMES: dict[int, Outcome] = {code: outcome for outcome, code in OUTCOME_CODES.items()}

_DIGEST = re.compile(r"[0-9a-fA-F]{8,}")


def inverse(code: int) -> int:
    """The complement that travels beside a code."""
    return code ^ 0xFFFF


def outcome_of(code: int, complement: int) -> Outcome | None:
    """The outcome of a pair of words; None for no result and for whatever is not exactly one of the five pairs."""
    return OUTCOMES.get(code) if complement == inverse(code) else None


def checksum(words: Sequence[int]) -> int:
    """CRC-32 of IEEE 802.3 over the words as they lie on the wire, high byte of each first."""
    return crc32(struct.pack(f">{len(words)}H", *words))


def pair(value: int, order: WordOrder) -> Words:
    """A uint32 as two words."""
    high, low = value >> 16, value & 0xFFFF
    return (high, low) if order == "big" else (low, high)


def joined(first: int, second: int, order: WordOrder) -> int:
    """Two words as a uint32."""
    return first << 16 | second if order == "big" else second << 16 | first


def ascii_bytes(text: str, length: int) -> bytes:
    """Printable ASCII, cut or filled with NUL to `length` bytes; any other character becomes `?`."""
    known = "".join(letter if " " <= letter <= "~" else "?" for letter in text[:length])
    return known.encode("ascii").ljust(length, b"\0")


def ascii_text(data: bytes) -> str:
    """Text up to the first NUL, without blanks at its end; what is not printable ASCII becomes `?`."""
    text = data.split(b"\0", 1)[0].decode("latin-1").rstrip()
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def first_32_bits(digest: str) -> int:
    """Of a hexadecimal digest; 0 where there is none."""
    return int(digest[:8], 16) if _DIGEST.fullmatch(digest) else 0
