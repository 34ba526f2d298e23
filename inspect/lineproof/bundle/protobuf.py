"""Read protobuf messages without the protobuf package: fields as they stand on the wire, nothing copied."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = tuple[int, int | memoryview]


def fields(message: memoryview) -> Iterator[Field]:
    """Field numbers and values of one message; nested messages as views, fixed-size numbers skipped.

    Raises:
        ValueError, IndexError: the bytes are no such message, or end too early.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("truncated")
            yield number, message[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")


def nested(value: int | memoryview) -> memoryview:
    """The value of a field that holds bytes, text or a message; raises ValueError for a number."""
    if not isinstance(value, memoryview):
        raise ValueError("a number where bytes belong")  # noqa: TRY004 (it is the file that is wrong, not the caller)
    return value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")
