"""application/x-ndarray: the same pixels as from a file, and a name for every way to say something else."""

from __future__ import annotations

from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.serve.errors import Refusal
from lineproof.serve.pixels import EXAMPLE_TYPE, PixelFormat
from serve.served import SCRATCH, Kept, engine, picture, serving

PIXELS = np.random.default_rng(7).integers(0, 256, (6, 8, 3), np.uint8)
GREY = PIXELS[:, :, 0].copy()
BGR = 'application/x-ndarray; dtype=uint8; shape="6,8,3"; order=BGR'


@pytest.fixture(scope="module")
def server():
    scripted = engine()
    with serving(scripted, max_body_mb=0.1, max_megapixels=0.02) as running:
        running.scripted = scripted
        yield running


def send(server, kind: str, body: bytes, **query: str):
    return server.client.post("/v1/inspect", params=query, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (BGR, PIXELS, PIXELS),
        ('application/x-ndarray; dtype=uint8; shape="6,8,3"; order=RGB', PIXELS, PIXELS[:, :, ::-1]),
        ('application/x-ndarray; dtype=uint8; shape="6,8"', GREY, np.dstack([GREY] * 3)),
        ('application/x-ndarray; dtype=uint8; shape="6,8,1"; order=GRAY', GREY, np.dstack([GREY] * 3)),
        ('Application/X-NDArray ;;DType="|u1"; ORDER=bgr ;shape="( 6, 8, 3 )";', PIXELS, PIXELS),
    ],
)
def test_the_engine_sees_the_very_pixels(server, kind, body, expected):
    answer = send(server, kind, body.tobytes())
    assert answer.status_code == 200
    assert answer.json()["image"] == [8, 6]
    assert np.array_equal(server.scripted.images[-1], expected)


def test_bgr_is_not_copied():
    body = bytearray(PIXELS.tobytes())
    image = PixelFormat(6, 8, "BGR").image(body)
    assert np.shares_memory(image, np.frombuffer(body, np.uint8))


def test_pixels_answer_as_their_lossless_file_does():
    scripted = engine(otherwise=SCRATCH)
    with serving(scripted) as same:
        file = same.post(picture(".png", 64, 48, grey=77)).json()
        bare = send(
            same, 'application/x-ndarray;dtype=uint8;shape="48,64,3";order=BGR', bytes([77]) * (48 * 64 * 3)
        ).json()
    assert np.array_equal(*scripted.images)
    for body in (file, bare):
        del body["inspection_id"], body["part_id"], body["timings_ms"]
    assert file == bare


WRONG = {
    "no parameters": ("application/x-ndarray", PIXELS, 422, "invalid_request"),
    "no dtype": ('application/x-ndarray; shape="6,8,3"; order=BGR', PIXELS, 422, "invalid_request"),
    "no shape": ("application/x-ndarray; dtype=uint8; order=BGR", PIXELS, 422, "invalid_request"),
    "no order": ('application/x-ndarray; dtype=uint8; shape="6,8,3"', PIXELS, 422, "invalid_request"),
    "order of one channel": (BGR.replace(",3", ",1"), GREY, 422, "invalid_request"),
    "odd order": (BGR.replace("BGR", "GBR"), PIXELS, 422, "invalid_request"),
    "four channels": (BGR.replace(",3", ",4"), PIXELS, 422, "invalid_request"),
    "a shape of zero": (BGR.replace("6,", "0,"), PIXELS, 422, "invalid_request"),
    "a negative shape": (BGR.replace("6,", "-6,"), PIXELS, 422, "invalid_request"),
    "one number": (BGR.replace("6,8,3", "144"), PIXELS, 422, "invalid_request"),
    "shape without quotes": (BGR.replace('"', ""), PIXELS, 422, "invalid_request"),
    "quote that does not close": (BGR.replace(',3"', ",3"), PIXELS, 422, "invalid_request"),
    "twice": (BGR + "; dtype=uint8", PIXELS, 422, "invalid_request"),
    "unknown parameter": (BGR + "; strides=1", PIXELS, 422, "invalid_request"),
    "float": (BGR.replace("uint8", "float32"), PIXELS, 415, "unsupported_media_type"),
    "object": (BGR.replace("uint8", "object"), PIXELS, 415, "unsupported_media_type"),
    "one byte short": (BGR, PIXELS.reshape(-1)[:-1], 400, "not_an_image"),
    "one byte long": (BGR, np.append(PIXELS, 0), 400, "not_an_image"),
    "nothing": (BGR, PIXELS[:0], 400, "not_an_image"),
    "too many pixels": (BGR.replace("6,8", "200,200"), PIXELS, 413, "image_too_large"),
    "far too many": (BGR.replace("6,8", "999999999,999999999"), PIXELS, 413, "image_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_named(server, name):
    kind, body, status, code = WRONG[name]
    seen = len(server.scripted.images)
    answer = send(server, kind, body.astype(np.uint8).tobytes())
    assert server.error(answer) == (status, code)
    assert answer.json()["error"]["hint"]
    assert len(server.scripted.images) == seen


def test_more_bytes_than_allowed_are_refused_from_the_shape():
    with serving(max_body_mb=0.1) as small:
        answer = send(small, BGR.replace("6,8", "400,400"), b"")
        assert small.error(answer) == (413, "upload_too_large")


def test_a_chunked_body_must_have_the_length_too(server):
    def body():
        yield PIXELS.tobytes()[:50]
        yield PIXELS.tobytes()[50:]

    assert send(server, BGR, body()).status_code == 200
    assert server.error(send(server, BGR.replace("6,8", "8,8"), body())) == (400, "not_an_image")


def test_the_same_bytes_in_another_shape_are_another_picture(server):
    assert send(server, BGR, PIXELS.tobytes(), part_id="a").status_code == 200
    assert send(server, BGR, PIXELS.tobytes(), part_id="a").headers["Inspection-Repeated"] == "true"
    turned = send(server, BGR.replace("6,8", "8,6"), PIXELS.tobytes(), part_id="a")
    assert server.error(turned) == (409, "part_conflict")


def test_pixels_are_recorded():
    kept = Kept()
    with serving(engine(), recorder=kept) as server:
        send(server, BGR, PIXELS.tobytes(), part_id="a")
        kept.wait(1)
    assert np.array_equal(kept.rows[0][1], PIXELS)


def test_it_is_documented_and_the_example_works(server):
    document = server.client.get("/openapi.json").json()
    body = document["paths"]["/v1/inspect"]["post"]["requestBody"]
    assert "application/x-ndarray" in body["content"]
    assert EXAMPLE_TYPE in body["description"]
    assert "pixels.raw" in server.client.get("/docs").text
    assert PixelFormat.parse(EXAMPLE_TYPE, max_pixels=10**7) == PixelFormat(960, 1280, "BGR")


@given(st.text(max_size=60) | st.from_regex(r"(; ?(dtype|shape|order|x)=(uint8|\"[0-9, ]{0,9}\"|BGR|\"|=)?){0,5}"))
def test_no_content_type_breaks_it(text):
    with suppress(Refusal):  # whose code is checked when it is made
        found = PixelFormat.parse(f"application/x-ndarray{text}", max_pixels=10_000)
        assert 1 <= found.height * found.width <= 10_000
        assert found.size_bytes == found.image(bytes(found.size_bytes)).size // (3 if found.order == "GRAY" else 1)


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(["BGR", "RGB", "GRAY"]), st.sampled_from(["", " ", "\t "])
)
def test_every_right_content_type_is_understood(height, width, order, space):
    depth = "" if order == "GRAY" else ",3"
    kind = (
        f'application/x-ndarray;{space}order={order}{space};{space}shape="{height},{width}{depth}";{space}dtype=uint8'
    )
    assert PixelFormat.parse(kind, max_pixels=1600) == PixelFormat(height, width, order)


def test_grey_becomes_what_a_grey_file_becomes():
    _, data = cv2.imencode(".png", GREY)
    scripted = engine()
    with serving(scripted) as server:
        server.post(data.tobytes())
        send(server, 'application/x-ndarray;dtype=uint8;shape="6,8"', GREY.tobytes())
    assert np.array_equal(*scripted.images)
