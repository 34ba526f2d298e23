from __future__ import annotations

from pathlib import Path

import pytest

from lineproof.errors import SettingsError
from lineproof.settings import parse_settings
from lineproof.signals.opcua.settings import OpcUaSettings
from lineproof.signals.opcua.users import read_users

FILES = {"certificate": "c.pem", "private_key": "k.pem", "users_file": "u.txt"}


def test_the_default_is_plain_and_cannot_be_reached_from_outside():
    settings = OpcUaSettings()
    assert (settings.host, settings.port, settings.security, settings.on_loopback) == ("127.0.0.1", 4840, "none", True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.9", "localhost", "[::1]"])
def test_loopback_needs_no_security(host):
    assert OpcUaSettings(endpoint=f"opc.tcp://{host}:4840/x").on_loopback


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "[::]", "192.168.0.7", "line-pc", "localhost.example", "127.0.0.1.example"]
)
def test_anything_else_does_and_one_line_says_so(host):
    with pytest.raises(SettingsError, match="can be reached from outside: set security: Basic256Sha256") as raised:
        parse_settings({"endpoint": f"opc.tcp://{host}:4840/x"}, OpcUaSettings, "line.yaml")
    assert "\n" not in str(raised.value)
    assert not OpcUaSettings(endpoint=f"opc.tcp://{host}:4840/x", security="Basic256Sha256", **FILES).on_loopback


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"security": "Basic256Sha256"}, "needs certificate, private_key, users_file"),
        ({"security": "Basic256Sha256", "certificate": "c", "private_key": "k"}, "needs users_file"),
        ({"users_file": "u"}, "users_file without effect"),
        ({"security": "Basic256"}, "Basic256Sha256"),
        ({"endpoint": "http://127.0.0.1:4840"}, "expected opc.tcp"),
        ({"endpoint": "opc.tcp://127.0.0.1/x"}, "expected opc.tcp"),
        ({"endpoint": "opc.tcp://127.0.0.1:99999/x"}, "expected opc.tcp"),
        ({"endpoint": "opc.tcp://:4840"}, "expected opc.tcp"),
        ({"watchdog_ms": 0}, "watchdog_ms"),
        ({"comands": 3}, "did you mean 'commands'"),
    ],
)
def test_what_cannot_be_meant(data, told):
    with pytest.raises(SettingsError, match=told):
        parse_settings(data, OpcUaSettings, "line.yaml")


def test_files_lie_beside_the_line_file():
    settings = OpcUaSettings(security="Basic256Sha256", **FILES).located(Path("/lines"))
    assert settings.certificate == Path("/lines/c.pem")
    assert settings.users_file == Path("/lines/u.txt")
    assert OpcUaSettings().located(Path("/lines")).certificate is None


def test_users_are_known_by_name_and_password(tmp_path):
    file = tmp_path / "users.txt"
    file.write_text("# the cell\nplc1:a long password: yes\n\nmes:another password\n")
    users = read_users(file)
    assert users.know("plc1", "a long password: yes")
    assert users.know("mes", "another password")
    for name, password in (("plc1", "another password"), ("nobody", ""), ("plc1", ""), ("", "")):
        assert not users.know(name, password)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "nobody in it"),
        (b"# only a remark\n", "nobody in it"),
        (b"plc1\n", "line 1"),
        (b"plc1:short\n", "line 1"),
        (b"\n:a long password\n", "line 2"),
        (b"a:a long password\na:another password\n", "line 2"),
        (b"\xff:a long password\n", "not UTF-8"),
    ],
)
def test_a_file_of_users_that_cannot_be_used_is_named_and_not_quoted(tmp_path, content, told):
    file = tmp_path / "users.txt"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=told) as raised:
        read_users(file)
    assert "long password" not in raised.value.message


def test_no_file_of_users(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read_users(tmp_path / "users.txt")
