from __future__ import annotations

import time
from pathlib import Path

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import image
from lineproof.core import Frame
from lineproof.errors import FrameError, InputError, SourceEnded, SourceError, SourceTimeout
from lineproof.sources.folder import natural_key, open_folder
from lineproof.sources.settings import FolderSettings


def write(path: Path, grey: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image(grey=grey))


def play(folder: Path, limit: int = 50, **settings: object) -> list[Frame | SourceError]:
    source = open_folder(FolderSettings(kind="folder", path=folder, **settings))
    played: list[Frame | SourceError] = []
    for _ in range(limit):
        try:
            played.append(source.grab(1.0))
        except FrameError as error:
            played.append(error)
        except SourceEnded:
            break
    source.close()
    return played


def test_natural_order_and_part_ids(tmp_path):
    for name in ("part-10.png", "part-9.jpg", "part-1.bmp", "notes.txt", ".hidden/part-2.png"):
        write(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).write_text("x")
    frames = play(tmp_path)
    assert [frame.part_id for frame in frames] == ["part-1", "part-9", "part-10"]
    assert frames[0].origin == str(tmp_path / "part-1.bmp")
    assert frames[0].image.shape == (48, 64, 3)


def test_equal_stems_get_different_part_ids(tmp_path):
    for name in ("a/1.png", "b/1.png", "b/1.jpg", "b/2.png"):
        write(tmp_path / name)
    assert [frame.part_id for frame in play(tmp_path)] == ["a/1", "b/1.jpg", "b/1.png", "2"]


def test_a_damaged_file_among_good_ones_names_its_part_and_the_replay_goes_on(tmp_path):
    for number in (1, 2, 3):
        write(tmp_path / f"{number}.png")
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[: len(whole) // 2])
    first, damaged, last = play(tmp_path)
    assert (first.part_id, last.part_id) == ("1", "3")
    assert isinstance(damaged, FrameError)
    assert (damaged.part_id, damaged.origin) == ("2", str(tmp_path / "2.png"))
    assert "2.png" in str(damaged)


def test_a_file_removed_during_the_replay_is_a_fault_of_its_part(tmp_path):
    for number in (1, 2):
        write(tmp_path / f"{number}.png")
    source = open_folder(FolderSettings(kind="folder", path=tmp_path))
    source.grab(1)
    (tmp_path / "2.png").unlink()
    with pytest.raises(FrameError, match=r"2\.png: cannot be read"):
        source.grab(1)


def test_looping_shows_other_parts_each_time(tmp_path):
    write(tmp_path / "a.png")
    assert [frame.part_id for frame in play(tmp_path, limit=3, loop=True)] == ["a", "a@2", "a@3"]


def test_shuffling_is_the_same_every_time(tmp_path):
    for number in range(12):
        write(tmp_path / f"{number}.png")
    once = [frame.part_id for frame in play(tmp_path, shuffle_seed=3)]
    again = [frame.part_id for frame in play(tmp_path, shuffle_seed=3)]
    assert once == again
    assert once != sorted(once, key=int)
    assert sorted(once, key=int) == [str(number) for number in range(12)]


def test_only_the_listed_images_in_their_order(tmp_path):
    for name in ("a.png", "b.png", "sub/c.png"):
        write(tmp_path / "images" / name)
    (tmp_path / "list.txt").write_text("sub/c.png\n\na.png\n")
    frames = play(tmp_path / "images", only=tmp_path / "list.txt")
    assert [frame.part_id for frame in frames] == ["c", "a"]
    (tmp_path / "list.txt").write_text("nope.png\n")
    with pytest.raises(InputError, match=r"nope\.png is not in"):
        play(tmp_path / "images", only=tmp_path / "list.txt")
    with pytest.raises(InputError, match=r"gone\.txt: cannot be read"):
        play(tmp_path / "images", only=tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "no such folder"),
        (lambda path: path.mkdir(), "no images in it"),
        (lambda path: path.write_bytes(b"PK"), "a file, not a folder"),
    ],
)
def test_nothing_to_replay_is_one_clear_line(tmp_path, make, says):
    make(tmp_path / "parts")
    with pytest.raises(InputError, match=says) as caught:
        open_folder(FolderSettings(kind="folder", path=tmp_path / "parts"))
    assert str(tmp_path / "parts") in str(caught.value)
    assert caught.value.hint


def test_a_rate_spaces_the_frames(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png")
    source = open_folder(FolderSettings(kind="folder", path=tmp_path, rate_hz=20))
    started_ns = time.monotonic_ns()
    frames = [source.grab(1) for _ in range(4)]
    waits_ms = [(frame.grabbed_ns - started_ns) / 1e6 for frame in frames]
    # Never sooner; later is the machine's business.
    assert all(wait_ms >= 50 * number for number, wait_ms in enumerate(waits_ms))
    source.close()


def test_a_frame_that_is_not_due_yet_is_a_timeout_and_not_lost(tmp_path):
    for number in range(2):
        write(tmp_path / f"{number}.png")
    source = open_folder(FolderSettings(kind="folder", path=tmp_path, rate_hz=4))
    assert source.grab(1).part_id == "0"
    with pytest.raises(SourceTimeout):
        source.grab(0.01)
    assert source.grab(1).part_id == "1"
    with pytest.raises(SourceEnded):
        source.grab(1)


def test_a_closed_replay_has_ended(tmp_path):
    write(tmp_path / "a.png")
    source = open_folder(FolderSettings(kind="folder", path=tmp_path, loop=True))
    source.close()
    source.close()
    with pytest.raises(SourceEnded):
        source.grab(1)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_natural_order_is_numeric_order(numbers):
    names = [f"part {number}.png" for number in numbers]
    assert sorted(names, key=natural_key) == [f"part {number}.png" for number in sorted(numbers)]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=8), max_size=20))
def test_any_file_names_can_be_ordered(names):
    assert sorted(sorted(names, key=natural_key)) == sorted(names)
