from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.mjpeg import open_mjpeg
from lineproof.sources.settings import StreamSettings
from lineproof.sources.stream import open_ffmpeg, open_stream
from mjpeg_rig import jpeg, picture, stall


def unclaimed(camera: str) -> None:
    raise AssertionError(f"{camera} was claimed, and no setting asks for it")


def noisy_jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def greys(handle, count: int) -> list[int]:
    return [round(float(handle.read().image.mean())) for _ in range(count)]


@pytest.mark.parametrize("announced", [None, -1])
def test_reads_pictures_with_and_without_a_length(camera_server, announced):
    acts = [picture(jpeg(grey), announced) for grey in (10, 20, 30)]
    handle = open_mjpeg(camera_server((*acts, stall)).url, timeout_s=2)
    # The first picture proved the connection.
    assert greys(handle, 1) == [20]
    handle.close()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused_and_the_next_one_is_read(camera_server, share):
    whole = noisy_jpeg()
    server = camera_server((picture(whole), picture(whole[: int(len(whole) * share)]), picture(jpeg(40)), stall))
    handle = open_mjpeg(server.url, timeout_s=2)
    with pytest.raises(ImageError, match="truncated"):
        handle.read()
    assert greys(handle, 1) == [40]
    handle.close()


def test_ffmpeg_itself_would_have_passed_the_truncated_picture_on(camera_server):
    """The reason for reading HTTP ourselves; if this fails, OpenCV has become strict."""
    whole = noisy_jpeg()
    cut = whole[: int(len(whole) * 0.6)]
    server = camera_server((*(picture(cut) for _ in range(12)), stall))
    settings = StreamSettings(kind="stream", url=server.url, open_timeout_s=5, stall_s=5)
    handle = open_ffmpeg(settings)
    assert handle.read().image.shape == (240, 320, 3)
    handle.close()
    server = camera_server((*(picture(cut) for _ in range(12)), stall))
    strict = open_stream(settings.model_copy(update={"url": server.url.replace("http", "HTTP")}), unclaimed)
    with pytest.raises(ImageError):
        strict.read()
    strict.close()


def test_a_stream_cut_within_a_picture_is_lost(camera_server):
    whole = jpeg(90)
    server = camera_server((picture(whole), picture(whole[:50], announced=len(whole))))
    handle = open_mjpeg(server.url, timeout_s=2)
    with pytest.raises(SourceLost, match="cut within a picture"):
        handle.read()
    handle.close()


def test_the_end_of_the_stream_is_a_loss(camera_server):
    handle = open_mjpeg(camera_server((picture(jpeg(1)),)).url, timeout_s=2)
    with pytest.raises(SourceLost, match="ended"):
        handle.read()
    handle.close()


def test_a_picture_of_a_gigabyte_is_not_waited_for(camera_server):
    server = camera_server((picture(jpeg(1)), picture(b"x", announced=10**9), stall))
    handle = open_mjpeg(server.url, timeout_s=2)
    with pytest.raises(SourceLost, match="1000000000 bytes"):
        handle.read()
    handle.close()


def endless(line: bytes):
    """Lines for as long as somebody listens."""

    def act(camera) -> None:
        while not camera.server.over.is_set():
            camera.wfile.write(line * 100)

    return act


@pytest.mark.parametrize(
    "line", [b"no boundary\r\n", b"--cut\r\n" + b"X-More: headers\r\n" * 99], ids=["text", "headers"]
)
def test_lines_without_end_are_not_read_for_ever(camera_server, line):
    handle = open_mjpeg(camera_server((picture(jpeg(1)), endless(line))).url, timeout_s=2)
    with pytest.raises(SourceLost, match="100000 lines without a picture – this is no camera stream"):
        handle.read()
    handle.close()


def test_something_else_than_mjpeg_is_left_to_ffmpeg(camera_server):
    server = camera_server(())
    server.content_type = "video/mp4"
    assert open_mjpeg(server.url, timeout_s=2) is None


def test_no_connection_is_one_line_without_the_password():
    with pytest.raises(SourceLost) as caught:
        open_mjpeg("http://joe:s3cret@127.0.0.1:9/v?pwd=s3cret", timeout_s=1)
    assert "s3cret" not in str(caught.value)
    assert "joe" not in str(caught.value)
    assert str(caught.value).startswith("http://***@127.0.0.1:9/v?pwd=***: no connection")


def test_user_and_password_reach_the_camera_when_it_asks_and_no_message(camera_server):
    server = camera_server((picture(jpeg(1)), stall))
    handler = server.RequestHandlerClass
    seen: list[str] = []

    class Guarded(handler):
        def do_GET(self) -> None:  # noqa: N802 (called by name)
            seen.append(self.headers.get("Authorization", ""))
            if seen[-1] != "Basic " + base64.b64encode(b"joe:p@ss").decode():
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="cam"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            super().do_GET()

    server.RequestHandlerClass = Guarded
    host = server.url.removeprefix("http://")
    handle = open_mjpeg(f"http://joe:p%40ss@{host}", timeout_s=2)
    assert handle is not None
    handle.close()
    with pytest.raises(SourceLost, match="401") as caught:
        open_mjpeg(f"http://joe:wrong@{host}", timeout_s=2)
    assert "wrong" not in str(caught.value)
    assert seen[0] == ""
