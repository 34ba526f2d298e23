"""A JPEG decoded at 1/2, 1/4 or 1/8: the right size, the right way up, and refused as it would be in full."""

from __future__ import annotations

import contextlib
import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from lineproof.core.decode import REDUCTIONS, decode_image, decode_reduced, is_jpeg, reduction, whole
from lineproof.errors import ImageError

sides = st.integers(1, 5000)
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


def scene(width: int, height: int) -> np.ndarray:
    """Soft colours, other ones in every corner."""
    return cv2.resize(np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8), (width, height))


def jpeg(pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", pixels, [*JPEG, *options])[1].tobytes()


def turned(pixels: np.ndarray, orientation: int) -> bytes:
    """The JPEG of a camera that was held otherwise."""
    exif, file = Pillow.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Pillow.fromarray(pixels[..., ::-1]).save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def at(data: bytes, times: int) -> np.ndarray:
    pixels, done = decode_reduced(data, "x", lambda _: times)
    assert done == times
    return pixels


def looks_like(pixels: np.ndarray, full: np.ndarray) -> bool:
    height, width = pixels.shape[:2]
    expected = cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)
    return float(np.abs(pixels.astype(int) - expected).mean()) < 1.5


@given(sides, sides, sides, sides, st.sets(st.sampled_from(REDUCTIONS)))
def test_a_reduction_is_exact_never_too_small_and_the_largest(width, height, least_w, least_h, allowed):
    def suits(n: int) -> bool:
        return width % n == height % n == 0 and width / n >= least_w and height / n >= least_h

    chosen = reduction((width, height), (least_w, least_h), allowed)
    assert chosen == 1 or (chosen in allowed and suits(chosen))
    assert not any(suits(n) for n in allowed if n > chosen)


@pytest.mark.parametrize(
    ("image_wh", "least_wh", "expected"),
    [
        ((1280, 960), (640, 480), 2),
        ((1280, 960), (320, 240), 4),
        ((1280, 960), (641, 480), 1),
        ((1920, 1080), (640, 360), 2),
        ((5120, 3840), (320, 240), 8),
        ((1281, 960), (320, 240), 1),
        ((1284, 964), (160, 120), 4),
        ((320, 240), (640, 480), 1),
    ],
)
def test_well_known_sizes(image_wh, least_wh, expected):
    assert reduction(image_wh, least_wh) == expected


@pytest.mark.parametrize("times", REDUCTIONS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_reduced_picture_as_it_turns_the_whole(orientation, times):
    data = turned(scene(320, 240), orientation)
    full, small = decode_image(data, "x"), at(data, times)
    assert small.shape == (full.shape[0] // times, full.shape[1] // times, 3)
    assert looks_like(small, full)


@pytest.mark.parametrize("times", REDUCTIONS)
@pytest.mark.parametrize(
    "data",
    [jpeg(scene(320, 240)[..., 0]), jpeg(scene(320, 240), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)],
    ids=["grey", "progressive"],
)
def test_every_kind_of_jpeg_becomes_bgr(data, times):
    small = at(data, times)
    assert small.shape == (240 // times, 320 // times, 3)
    assert looks_like(small, decode_image(data, "x"))


def test_the_size_as_stored_is_what_is_asked():
    asked: list[tuple[int, int]] = []
    decode_reduced(turned(scene(64, 48), 6), "x", lambda wh: asked.append(wh) or 1)
    assert asked == [(64, 48)]


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff", ".webp"])
def test_only_jpegs_are_reduced(extension):
    data = cv2.imencode(extension, scene(64, 48))[1].tobytes()
    pixels, times = decode_reduced(data, "x", lambda _: 8)
    assert (pixels.shape, times, is_jpeg(data)) == ((48, 64, 3), 1, False)


def test_whole_is_the_very_decoding():
    data = jpeg(scene(99, 77))
    assert np.array_equal(decode_reduced(data, "x", whole)[0], decode_image(data, "x"))


@pytest.mark.parametrize("progressive", [0, 1])
@given(st.data())
def test_a_truncated_jpeg_is_refused_at_every_scale(progressive, data):
    file = jpeg(scene(160, 128), cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    cut = file[: data.draw(st.integers(1, len(file) - 1))]
    for times in (1, *REDUCTIONS):
        with pytest.raises(ImageError, match=r"truncated|not an image"):
            decode_reduced(cut, "x", lambda _, times=times: times)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_damaged_jpeg_is_taken_or_refused_alike_at_every_scale(position, value):
    data = bytearray(jpeg(scene(64, 48)))
    data[position % len(data)] = value
    taken = set()
    for times in (1, *REDUCTIONS):
        with contextlib.suppress(ImageError):
            decode_reduced(bytes(data), "x", lambda _, times=times: times)
            taken.add(times)
    assert taken in (set(), {1, *REDUCTIONS})
