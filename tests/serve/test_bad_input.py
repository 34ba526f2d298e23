"""Every wrong request gets its own code, one line and a remedy, and leaves nothing behind."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from builders import image
from lineproof.serve.errors import CODES
from serve.served import Kept, engine, picture, serving


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int = 16384) -> bytes:
    """A whole, valid grey PNG of side × side black pixels in about 250 kB."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.fixture(scope="module")
def server():
    scripted, kept = engine(), Kept()
    with serving(scripted, recorder=kept, max_body_mb=1) as running:
        yield running
    assert not scripted.images  # nothing bad ever reached the engine
    assert not kept.rows


BODIES = {
    "0 bytes": (b"", 400, "not_an_image"),
    "text": (b"hello", 400, "not_an_image"),
    "truncated jpeg": (picture(".jpg", 640, 480)[:-300], 400, "not_an_image"),
    "truncated png": (picture(".png", 640, 480)[:-30], 400, "not_an_image"),
    "head of a png": (picture(".png")[:40], 400, "not_an_image"),
    "head of a tiff": (picture(".tiff")[:100], 400, "not_an_image"),
    "4 channels": (encoded(".png", np.zeros((8, 8, 4), np.uint8)), 400, "not_an_image"),
    "16 bits": (encoded(".png", np.zeros((8, 8, 3), np.uint16)), 400, "not_an_image"),
    "16 bits grey": (encoded(".tiff", np.zeros((8, 8), np.uint16)), 400, "not_an_image"),
    "16 bits colour tiff": (encoded(".tiff", np.zeros((8, 8, 3), np.uint16)), 400, "not_an_image"),
    "float tiff": (encoded(".tiff", np.zeros((8, 8), np.float32)), 400, "not_an_image"),
    "more bytes than allowed": (bytes(1_000_001), 413, "upload_too_large"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_named(server, name):
    body, status, code = BODIES[name]
    for response in (server.post(body), server.client.post("/v1/inspect", files={"image": body})):
        assert server.error(response) == (status, code)
        assert response.json()["error"]["hint"]


def test_a_decompression_bomb_is_refused_from_its_header(server):
    bomb = png_bomb()
    assert len(bomb) < 300_000
    response = server.post(bomb)
    assert server.error(response) == (413, "image_too_large")
    assert "16384×16384" in response.json()["error"]["message"]


def test_pixels_are_limited_by_the_settings():
    with serving(max_megapixels=0.01) as small:
        assert small.post(picture(width=200, height=50)).status_code == 200
        assert small.error(small.post(picture(width=200, height=51))) == (413, "image_too_large")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "video/mp4", "multipart/mixed; boundary=x"])
def test_another_content_type_is_415(server, kind):
    response = server.client.post("/v1/inspect", content=picture(), headers={"Content-Type": kind})
    assert server.error(response) == (415, "unsupported_media_type")


def test_a_compressed_body_is_415(server):
    response = server.client.post("/v1/inspect", content=picture(), headers={"Content-Encoding": "gzip"})
    assert server.error(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "query",
    [
        {"part_id": ""}, {"part_id": "a b"}, {"part_id": "a/b"}, {"part_id": "x" * 65}, {"part_id": "a\n"},
        {"part_id": "ä"}, {"view": ""}, {"view": "top view"}, {"partid": "4711"}, {"token": "secret"},
    ],
)  # fmt: skip
def test_a_wrong_query_is_422_and_names_the_parameter(server, query):
    response = server.post(**query)
    assert server.error(response) == (422, "invalid_request")
    assert next(iter(query)) in response.json()["error"]["message"]


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "x" * 64, "4711"])
def test_a_good_name_is_taken(name):
    with serving() as good:
        assert good.post(part_id=name, view=name).json()["part_id"] == name


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({"picture": b"x"}, {}, "invalid_request"),
        ({"image": b"x"}, {"part_id": "1"}, "invalid_request"),
        ([("image", b"x"), ("image", b"y")], {}, "invalid_request"),
    ],
)
def test_a_form_is_one_file_named_image(server, files, data, code):
    response = server.client.post("/v1/inspect", files=files, data=data)
    assert server.error(response) == (422, code)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("multipart/form-data", b"x", (400, "bad_multipart")),
        (f"multipart/form-data; boundary={'b' * 500}", b"x", (400, "bad_multipart")),
        ("multipart/form-data; boundary=b", b"no boundary at all", (400, "bad_multipart")),
        ("multipart/form-data; boundary=b", b"", (422, "invalid_request")),
        ("multipart/form-data; boundary=b", b"--b--\r\n", (422, "invalid_request")),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\ncut off',
            (422, "invalid_request"),
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 100_000 + b"\r\n", (400, "bad_multipart")),
    ],
)
def test_a_broken_form_is_told_so(server, kind, body, expected):
    response = server.client.post("/v1/inspect", content=body, headers={"Content-Type": kind})
    assert server.error(response) == expected


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", (404, "not_found")),
        ("GET", "/v1/inspect/", (404, "not_found")),
        ("POST", "/v1/../etc/passwd", (404, "not_found")),
        ("GET", "/v1/inspect", (405, "method_not_allowed")),
        ("DELETE", "/v1/bundle", (405, "method_not_allowed")),
        ("OPTIONS", "/v1/inspect", (405, "method_not_allowed")),
        ("GET", "/redoc", (404, "not_found")),
    ],
)
def test_the_frameworks_own_errors_have_the_same_shape(server, method, path, expected):
    assert server.error(server.client.request(method, path)) == expected


def test_what_may_be_done_instead_is_told(server):
    assert server.client.get("/v1/inspect").headers["Allow"] == "POST"


def test_there_is_no_cors_and_no_page_of_another_site_gets_in(server):
    origin = {"Origin": "https://evil.example"}
    preflight = server.client.options("/v1/inspect", headers={**origin, "Access-Control-Request-Method": "POST"})
    posted = server.client.post("/v1/inspect", content=picture(), headers=origin)
    sandboxed = server.client.post("/v1/inspect", content=picture(), headers={"Origin": "null"})
    for response in (preflight, posted, sandboxed):
        assert server.error(response) == (403, "cross_origin")
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_name_that_was_pointed_at_us_is_refused(server):
    response = server.client.get("/v1/stats", headers={"Host": "rebound.example:8000"})
    assert server.error(response) == (400, "unknown_host")


def test_every_code_has_a_status_and_a_meaning():
    assert all(400 <= status < 600 and meaning for status, meaning in CODES.values())


def test_a_mistake_of_ours_is_a_500_of_the_same_shape(monkeypatch, caplog):
    with serving() as broken:
        monkeypatch.setattr(broken.door, "statistics", lambda: 1 / 0)
        response = broken.client.get("/v1/stats")
        assert broken.error(response) == (500, "internal")
        assert "division" not in response.text
        assert broken.post().status_code == 200
    assert "ZeroDivisionError" in caplog.text


def test_grey_pictures_are_welcome():
    scripted = engine()
    with serving(scripted) as grey:
        assert grey.post(encoded(".png", image(8, 8)[:, :, 0])).status_code == 200
    assert scripted.images[0].shape == (8, 8, 3)
