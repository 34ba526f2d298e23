from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from builders import image
from lineproof.errors import InputError, SourceEnded
from lineproof.sources.settings import VideoSettings
from lineproof.sources.video import open_video


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "belt.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for number in range(4):
        writer.write(image(grey=50 * number))
    writer.release()
    return path


def test_every_frame_is_a_part_the_first_included(video):
    source = open_video(VideoSettings(kind="video", path=video))
    frames = [source.grab(1) for _ in range(4)]
    assert [frame.part_id for frame in frames] == [f"belt-{number:06d}" for number in (1, 2, 3, 4)]
    assert [round(float(frame.image.mean()) / 50) for frame in frames] == [0, 1, 2, 3]
    assert frames[2].origin == f"{video}#3"
    with pytest.raises(SourceEnded):
        source.grab(1)
    source.close()


def test_looping_starts_again_with_other_part_ids(video):
    source = open_video(VideoSettings(kind="video", path=video, loop=True))
    ids = [source.grab(1).part_id for _ in range(5)]
    assert ids[-1] == "belt-000001@2"
    assert len(set(ids)) == 5
    source.close()


@pytest.mark.parametrize("content", [None, b"", b"no video at all", "cut"])
def test_what_is_no_video_is_one_clear_line(tmp_path, video, content, capfd):
    path = tmp_path / "belt.avi"
    if content is not None:
        path.write_bytes(video.read_bytes()[:1500] if content == "cut" else content)
    with pytest.raises(InputError, match=r"belt\.avi"):
        open_video(VideoSettings(kind="video", path=path))
    assert capfd.readouterr().err == ""  # not a word from OpenCV or FFMPEG
