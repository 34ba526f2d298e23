"""Whatever bytes come: an answer of the documented shape, never a 5xx, and the next good picture is inspected."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineproof.serve.errors import CODES
from serve.served import engine, picture, serving

IMAGES = [picture(suffix, 40, 30, 99) for suffix in (".jpg", ".png", ".bmp", ".tiff", ".webp")]
PARAMETERS = st.lists(
    st.sampled_from(
        ["dtype=uint8", "dtype=int8", 'shape="1,2,3"', 'shape="2,3"', "order=BGR", "order=RGB", "x", '"', "="]
    ),
    max_size=5,
).map("; ".join)
KINDS = st.sampled_from(
    [
        "image/png", "application/octet-stream", "multipart/form-data; boundary=b", "application/json", "", "é/;;",
        "application/x-ndarray", 'application/x-ndarray; dtype=uint8; shape="2,3"',
    ]
) | st.builds("application/x-ndarray;{}".format, PARAMETERS)  # fmt: skip


@st.composite
def damaged(draw) -> bytes:
    """A real picture with a few bytes changed, cut or repeated."""
    data = bytearray(draw(st.sampled_from(IMAGES)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def form(draw) -> bytes:
    """Something like a multipart body."""
    pieces = [
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b'Content-Disposition: form-data; name="image"',
        b"; filename=x",
        b"\r\n\r\n",
        b"x",
    ]
    return b"".join(draw(st.lists(st.sampled_from([*pieces, IMAGES[1]]) | st.binary(max_size=20), max_size=12)))


@pytest.fixture(scope="module")
def server():
    with serving(engine()) as running:
        yield running
        assert running.post().json()["decision"] == "PASS"


@given(body=st.binary(max_size=2000) | st.binary(min_size=6, max_size=6) | damaged() | form(), kind=KINDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_bytes_break_it(server, body, kind):
    response = server.client.post("/v1/inspect", content=body, headers={"Content-Type": kind.encode()})
    if response.status_code == 200:
        assert response.json()["decision"] == "PASS"
    else:
        status, code = server.error(response)
        assert 400 <= status < 500
        assert CODES[code][0] == status


@given(query=st.dictionaries(st.text(max_size=12), st.text(max_size=80), max_size=3), path=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_address_breaks_it(server, query, path):
    for response in (
        server.client.post("/v1/inspect", params=query, content=IMAGES[0]),
        server.client.get("/" + path.replace("\\", ""), params=query) if path.isprintable() else None,
    ):
        assert response is None or response.status_code < 500
