"""Basic256Sha256: who gets in, and how."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import BadUserAccessDenied, UaError

from lineproof.errors import SettingsError
from lineproof.signals.opcua.server import open_stations
from lineproof.signals.opcua.settings import OpcUaSettings
from opcua_rig import READY

PASSWORD = "a long password"
URI = "urn:plant:vision1"


async def signed(folder: Path, name: str, uri: str) -> tuple[Path, Path]:
    key, certificate = folder / f"{name}.key.pem", folder / f"{name}.der"
    await setup_self_signed_certificate(key, certificate, uri, socket.gethostname(), [], {"commonName": name})
    return certificate, key


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opcua")
    certificate, key = asyncio.run(signed(folder, "server", URI))
    users = folder / "users.txt"
    users.write_text(f"plc1:{PASSWORD}\n")
    settings = OpcUaSettings(
        endpoint="opc.tcp://127.0.0.1:0/lineproof",
        security="Basic256Sha256",
        certificate=certificate,
        private_key=key,
        users_file=users,
        watchdog_ms=60_000,
    )
    station = open_stations(settings, ["cam"])["cam"]
    station.show(READY)
    yield station, folder
    station.close()


async def get_in(guarded, user: str = "", password: str = "", *, encrypted: bool = True) -> object:
    """The state that a client reads once it is in."""
    station, folder = guarded
    client = Client(f"opc.tcp://127.0.0.1:{station.port}/lineproof")
    if encrypted:
        certificate, key = await signed(folder, "client", "urn:plant:plc1")
        client.application_uri = "urn:plant:plc1"
        await client.set_security(SecurityPolicyBasic256Sha256, str(certificate), str(key))
    if user:
        client.set_user(user)
        client.set_password(password)
    try:
        await client.connect()
        index = await client.get_namespace_index("urn:lineproof:machine-vision")
        node = client.get_node(ua.NodeId("cam/VisionStateMachine/CurrentState/Number", index))
        uris = await client.nodes.server.get_child("0:ServerArray")
        assert await uris.read_value() == [URI]  # the name in the certificate
        return await node.read_value()
    finally:
        try:
            await client.disconnect()
        except (UaError, ConnectionError):
            client.disconnect_socket()


def test_a_user_with_the_password_gets_in_over_an_encrypted_channel(guarded):
    assert asyncio.run(get_in(guarded, "plc1", PASSWORD)) == READY.state


@pytest.mark.parametrize(
    ("user", "password", "encrypted"),
    [
        ("", "", True),
        ("plc1", "a wrong password", True),
        ("admin", "", True),
        ("admin", PASSWORD, True),
        ("", "", False),
    ],
)
def test_nobody_else_does(guarded, user, password, encrypted):
    with pytest.raises((UaError, ConnectionError, ValueError)):
        asyncio.run(get_in(guarded, user, password, encrypted=encrypted))


def test_the_right_password_over_an_open_channel_is_refused_by_the_server(guarded, monkeypatch):
    monkeypatch.setattr(Client, "find_endpoint", lambda endpoints, *_: endpoints[0])  # a client that does not care

    async def story() -> None:
        client = Client(f"opc.tcp://127.0.0.1:{guarded[0].port}/lineproof")
        client.set_user("plc1")
        client.set_password(PASSWORD)
        try:
            with pytest.raises(BadUserAccessDenied):
                await client.connect()
        finally:
            client.disconnect_socket()

    asyncio.run(story())


def test_only_one_endpoint_is_offered(guarded):
    async def story() -> list[tuple[str, str]]:
        client = Client(f"opc.tcp://127.0.0.1:{guarded[0].port}/lineproof")
        offered = await client.connect_and_get_server_endpoints()
        return [(item.SecurityPolicyUri.rpartition("#")[2], item.SecurityMode.name) for item in offered]

    assert asyncio.run(story()) == [("Basic256Sha256", "SignAndEncrypt")]


@pytest.mark.parametrize("broken", ["certificate", "private_key", "users_file"])
def test_files_that_cannot_be_used_are_named_in_one_line(guarded, tmp_path, broken, monkeypatch):
    async def nothing_yet(self):  # the standard address space is not needed to refuse a file
        return None

    monkeypatch.setattr("asyncua.Server.init", nothing_yet)
    folder = guarded[1]
    files = {"certificate": "server.der", "private_key": "server.key.pem", "users_file": "users.txt"}
    files = {name: folder / file for name, file in files.items()}
    for content, told in ((None, "No such file"), (b"\x00nothing", "nothing|neither|line 1")):
        files[broken] = tmp_path / f"{broken}.pem"
        if content is not None:
            files[broken].write_bytes(content)
        settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/x", security="Basic256Sha256", **files)
        with pytest.raises(SettingsError, match=told) as raised:
            open_stations(settings, ["cam"])
        assert str(files[broken]) in str(raised.value)
        assert "\n" not in str(raised.value)
