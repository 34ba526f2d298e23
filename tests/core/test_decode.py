from __future__ import annotations

import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import image
from lineproof.core.decode import check_header, decode_image, read_image
from lineproof.errors import ImageError


def encoded(extension: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(extension, pixels)[1].tobytes()


def png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(b"\0" * (1 + width // 8)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("extension", [".png", ".jpg", ".bmp", ".tiff", ".webp"])
def test_common_formats_become_bgr(extension):
    pixels = decode_image(encoded(extension, image(20, 10, 77)), "x")
    assert pixels.shape == (10, 20, 3)
    assert abs(int(pixels.mean()) - 77) <= 1


def test_mono_is_expanded():
    assert decode_image(encoded(".png", np.full((5, 6), 9, np.uint8)), "x").shape == (5, 6, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: 0 bytes"),
        (b"PK\x03\x04 not an image", "x: not an image"),
        (encoded(".png", np.zeros((4, 4, 4), np.uint8)), "x: 4 channels"),
        (encoded(".png", np.zeros((4, 4), np.uint16)), "not 8-bit"),
        (encoded(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[:900], "truncated"),
        (png_bomb(16384, 16384), "16384×16384 is more than 50 megapixels"),
    ],
    ids=["empty", "zip", "alpha", "16-bit", "truncated", "bomb"],
)
def test_what_is_no_plain_picture_is_refused_by_name(data, message):
    with pytest.raises(ImageError, match=message):
        decode_image(data, "x")


def test_header_alone_gives_the_size():
    assert check_header(encoded(".png", image(31, 17)), "x") == (31, 17)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png: cannot be read"):
        read_image(tmp_path / "gone.png")


@given(st.binary(max_size=200))
def test_random_bytes_never_escape_the_error_tree(data):
    with pytest.raises(ImageError):
        decode_image(data, "fuzz")


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_png_is_an_image_or_an_image_error(position, value):
    data = bytearray(encoded(".png", image(16, 16)))
    data[position % len(data)] = value
    with contextlib.suppress(ImageError):
        assert decode_image(bytes(data), "fuzz").dtype == np.uint8
