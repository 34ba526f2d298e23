from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mjpeg_rig import Act, Server


@pytest.fixture
def camera_server() -> Iterator[Callable[..., Server]]:
    """Start servers with one script per connection; all are stopped at the end."""
    servers: list[Server] = []

    def start(*scripts: tuple[Act, ...]) -> Server:
        servers.append(Server(scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.over.set()
        server.shutdown()
        server.server_close()
