"""The token: asked for everywhere but at /v1/health/live, compared whole, told to nobody."""

from __future__ import annotations

import logging

import pytest

from lineproof.errors import SettingsError
from lineproof.serve.auth import Token, Tokens, find_token, is_loopback, refuse_open_door
from lineproof.serve.guard import HostNames
from serve.served import Kept, engine, picture, serving

SECRET = "correct-horse-battery"
ROUTES = [
    ("POST", "/v1/inspect"), ("GET", "/v1/health/ready"), ("GET", "/v1/bundle"), ("GET", "/v1/stats"), ("GET", "/metrics"),
    ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"), ("GET", "/v1/inspect"), ("GET", "/v1/health/live/"),
    ("GET", "//v1/health/live"),
]  # fmt: skip
WRONG = {
    "none": (None, 401, "token_missing"),
    "empty": ("", 401, "token_missing"),
    "other scheme": (f"Basic {SECRET}", 401, "token_missing"),
    "no scheme": (SECRET, 401, "token_missing"),
    "wrong": ("Bearer correct-horse-batterY", 403, "token_wrong"),
    "half": ("Bearer correct-horse", 403, "token_wrong"),
    "longer": (f"Bearer {SECRET}x", 403, "token_wrong"),
    "nothing": ("Bearer", 401, "token_missing"),
}


@pytest.fixture(scope="module")
def server():
    with serving(engine(), token=SECRET) as running:
        yield running


def test_the_table_of_routes_is_complete(server):
    paths = {
        (method.upper(), path)
        for path, item in server.client.get("/openapi.json").json()["paths"].items()
        for method in item
    }
    assert paths - {("GET", "/v1/health/live")} <= set(ROUTES)


@pytest.mark.parametrize("sent", WRONG)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_address_answers_without_the_token(server, method, path, sent):
    header, status, code = WRONG[sent]
    request = server.client.build_request(method, server.url + path, content=picture() if method == "POST" else None)
    del request.headers["Authorization"]
    if header is not None:
        request.headers["Authorization"] = header
    response = server.client.send(request)
    assert server.error(response) == (status, code)
    assert (response.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_right_token_gets_in(server, method, path):
    response = server.client.request(method, server.url + path, content=picture() if method == "POST" else None)
    assert response.status_code in {200, 404, 405}


def test_live_is_open(server):
    request = server.client.build_request("GET", "/v1/health/live")
    del request.headers["Authorization"]
    assert server.client.send(request).status_code == 200


def test_with_a_token_callers_may_use_any_name(server):
    assert server.client.get("/v1/stats", headers={"Host": "line-7.plant"}).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "with_token", "header", "known"),
    [
        ([], False, b"localhost:8000", True),
        ([], False, b"127.0.0.1", True),
        ([], False, b"[::1]:8000", True),
        ([], False, b"10.1.2.3:8000", True),  # the address it is bound to
        ([], False, b"evil.example", False),
        ([], False, b"127.0.0.1.evil.example", False),
        ([], False, b"localhost@evil.example", False),
        ([], False, b"\xff\xfe", False),
        ([], False, b"[::1", False),
        ([], False, None, True),
        (["line-7.plant"], False, b"LINE-7.plant:80", True),
        (["line-7.plant"], True, b"evil.example", False),
        ([], True, b"evil.example", True),
    ],
)
def test_which_names_are_known(allowed, with_token, header, known):
    assert HostNames.of("10.1.2.3", allowed, with_token=with_token).know(header) is known


def test_the_token_is_in_no_log_and_no_answer(caplog):
    caplog.set_level(logging.DEBUG)
    kept = Kept()
    with serving(engine(RuntimeError("gone")), token=SECRET, recorder=kept) as running:
        texts = [running.post(part_id="a").text, running.post(b"x").text, running.post(token=SECRET).text]
        texts += [
            running.client.get(path).text for path in ("/v1/stats", "/metrics", "/docs", "/openapi.json", "/nope")
        ]
        running.client.get("/v1/stats", headers={"Authorization": f"Basic {SECRET}"})
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert SECRET not in "".join(texts + ours) + repr(kept.rows)
    assert SECRET not in repr(Token(SECRET, where="here"))
    assert "/v1/inspect 200" in caplog.text


def test_a_path_cannot_write_lines_into_the_log(caplog):
    caplog.set_level(logging.INFO)
    with serving() as running:
        running.client.get("/x%0A1.2.3.4 GET /forged 200%1b[31m" + "y" * 500)
    line = next(record.getMessage() for record in caplog.records if record.name == "lineproof.serve.access")
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) < 300


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 15, "two words are no token", "umlaut-ä-is-not-ascii", "tab\tis-no-token-either"]
)
def test_an_unusable_token_is_refused_without_quoting_it(text):
    with pytest.raises(SettingsError) as raised:
        Token(text, where="token.txt")
    assert not text or text not in str(raised.value)
    assert "secrets.token_urlsafe" in raised.value.hint


def test_a_token_comes_from_the_file_before_the_environment(tmp_path):
    path = tmp_path / "token.txt"
    path.write_text(f"{SECRET}\n")
    assert find_token(path, {"LINEPROOF_TOKEN": "y" * 20}).who(SECRET.encode()) == ""
    assert find_token(path, {}).who(b"y" * 20) is None
    assert find_token(None, {"LINEPROOF_TOKEN": "y" * 20}).who(b"y" * 20) == ""
    assert find_token(None, {}) is None
    assert find_token(None, {"LINEPROOF_TOKEN": ""}) is None


def test_a_file_may_name_several_callers(tmp_path):
    path = tmp_path / "tokens.txt"
    path.write_text(f"# the two cells\npress-1:{SECRET}\n\n  press-2:{'y' * 20}:with:colons  \n")
    tokens = find_token(path, {})
    assert tokens.names == ("press-1", "press-2")
    assert tokens.who(SECRET.encode()) == "press-1"
    assert tokens.who(b"y" * 20 + b":with:colons") == "press-2"
    assert tokens.who(b"press-1:" + SECRET.encode()) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:" + "x" * 15, "at least 16"),
        (f"a:{SECRET}\n{SECRET}", "token 2 of 2 has no name"),
        (f"a b:{SECRET}\nc:{SECRET}", "token 1 of 2 has no name"),
        (f"a:{SECRET}\na:{'y' * 20}", "a is there twice"),
        (f"a:{SECRET}\nb:{SECRET}", "b is there twice"),
    ],
)
def test_an_unusable_line_is_named_without_its_token(tmp_path, text, said):
    path = tmp_path / "tokens.txt"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said) as raised:
        find_token(path, {})
    assert SECRET not in str(raised.value)


def test_every_named_caller_gets_in_and_the_log_says_who(caplog):
    caplog.set_level(logging.INFO)
    tokens = Tokens(Token(SECRET, where="t", name="press-1"), Token("y" * 20, where="t", name="press-2"))
    with serving(engine(), token=tokens) as running:
        for sent, status in ((SECRET, 200), ("y" * 20, 200), ("z" * 20, 403)):
            answer = running.client.post("/v1/inspect", content=picture(), headers={"Authorization": f"Bearer {sent}"})
            assert answer.status_code == status
        health = {"Authorization": f"Bearer {SECRET}"}
        assert running.client.get("/v1/health/ready", headers=health).status_code == 200
    lines = [r.getMessage() for r in caplog.records if r.name == "lineproof.serve.access"]
    assert [line.split()[1] for line in lines if "/v1/inspect" in line] == ["press-1", "press-2", "POST"]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("content", [None, b"\xff" * 20, b"x" * 5000, b"", b"one-two-three-four\nsecond line of it"])
def test_a_token_file_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "token.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"token\.txt"):
        find_token(path, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback_needs_no_token(host):
    assert is_loopback(host)
    refuse_open_door(host, None)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "line-7.plant", "localhost.evil.example", "", "128.0.0.1"]
)
def test_any_other_address_does(host):
    with pytest.raises(SettingsError) as raised:
        refuse_open_door(host, None)
    assert "--token-file" in raised.value.hint
    refuse_open_door(host, Tokens(Token(SECRET, where="test")))
