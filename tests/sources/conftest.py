from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lineproof.sources import lease
from mjpeg_rig import Act, Server


@pytest.fixture(autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of their own: the real ones are the whole machine's, and another run of the tests may be under way."""
    monkeypatch.setattr(lease, "LOCKS", tmp_path_factory.mktemp("locks"))


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
