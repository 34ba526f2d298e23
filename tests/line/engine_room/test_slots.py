from __future__ import annotations

import mmap
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line.engine_room.rooms import open_files
from lineproof.line.engine_room.slots import Slot


@pytest.fixture
def slot():
    made = Slot(64 * 48 * 3)
    yield made
    made.close()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90), st.binary(max_size=6000)), min_size=1, max_size=5))
def test_frames_of_any_size_come_out_as_they_went_in(frames):
    slot = Slot(100)
    reader = slot.reader()
    for height, width, words in frames:
        image, said = reader.read(slot.write(noise(height, width), words))
        np.testing.assert_array_equal(image, noise(height, width))
        assert said == words
        del image
    slot.close()


def test_a_view_with_strides_is_copied_straight(slot):
    image = noise(40, 60)[::2, ::-1]
    found, _ = slot.reader().read(slot.write(image, b""))
    np.testing.assert_array_equal(found, image)
    assert found.flags.c_contiguous


def test_the_reader_cannot_write(slot):
    image, _ = slot.reader().read(slot.write(noise(4, 4), b""))
    assert not image.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        image.flags.writeable = True


def test_the_memory_is_shared_and_not_copied(slot):
    extent = slot.write(noise(4, 4), b"")
    image, _ = slot.reader().read(extent)
    slot.write(np.full((4, 4, 3), 9, np.uint8), b"")
    assert (image == 9).all()


def test_a_slot_grows_and_stays_large(slot):
    reader = slot.reader()
    small = slot.write(noise(4, 4), b"words")
    before, _ = reader.read(small)
    large = slot.write(noise(300, 400), b"words")
    after, words = reader.read(large)
    np.testing.assert_array_equal(after, noise(300, 400))
    assert words == b"words"
    assert before.shape == (4, 4, 3)  # an old view of it harms nobody
    assert slot.write(noise(4, 4), b"").capacity == large.capacity > small.capacity


def test_no_memory_is_an_os_error(monkeypatch, slot):
    def full(fd, offset, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        slot.write(noise(300, 400), b"")
    image, _ = slot.reader().read(slot.write(noise(4, 4), b""))  # goes on with what it has
    np.testing.assert_array_equal(image, noise(4, 4))
    files = open_files()
    with pytest.raises(OSError, match="No space left"):
        Slot(10)
    assert open_files() == files


def test_files_go_with_the_slot():
    files = open_files()
    slots = [Slot(mmap.PAGESIZE) for _ in range(8)]
    for slot in slots:
        slot.close()
    assert open_files() == files
