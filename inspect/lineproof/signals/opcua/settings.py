"""The `opcua` section of a line file: where the server listens, and who may talk to it."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator

from lineproof.settings import StrictModel

DEFAULT_ENDPOINT = "opc.tcp://127.0.0.1:4840/lineproof"  # 4840 is the port IANA gave to OPC UA


class OpcUaSettings(StrictModel):
    """An OPC UA server in the words of OPC 40100-1."""

    endpoint: str = Field(default=DEFAULT_ENDPOINT, description="opc.tcp://HOST:PORT/PATH; port 0 takes a free one")
    security: Literal["none", "Basic256Sha256"] = Field(
        default="none",
        description="`none`: plain and anonymous, on loopback only; `Basic256Sha256`: signed, encrypted, with users",
    )
    certificate: Path | None = Field(default=None, description="of this server: X.509, PEM or DER")
    private_key: Path | None = Field(default=None, description="belonging to the certificate: PEM or DER, no password")
    users_file: Path | None = Field(default=None, description="one `name:password` per line; # starts a remark")
    watchdog_ms: float = Field(
        default=300,  # three missed heartbeats of 100 ms
        ge=50,
        le=60_000,
        description="no view from the decision loop for so long: every variable reads as Bad_NoCommunication",
    )
    answer_ms: float = Field(
        default=500, ge=10, le=3000, description="a method that the decision loop has not taken by then: Bad_Timeout"
    )
    commands: int = Field(
        default=32,
        ge=1,
        le=1000,
        description="method calls that may wait, per station; one more: Bad_TooManyOperations",
    )
    clients: int = Field(default=32, ge=1, le=1000, description="connections at once; one more is closed")

    @field_validator("endpoint")
    @classmethod
    def _complete(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        if parts.scheme != "opc.tcp" or not parts.hostname or _port(parts) is None:
            raise ValueError(f"expected opc.tcp://HOST:PORT/PATH, e.g. {DEFAULT_ENDPOINT}")
        return endpoint

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.security == "none" and not self.on_loopback:
            raise ValueError(
                f"{self.host} can be reached from outside: set security: Basic256Sha256 with certificate, private_key "
                "and users_file, or listen on 127.0.0.1"
            )
        files = ("certificate", "private_key", "users_file")
        missing = [name for name in files if getattr(self, name) is None]
        if self.security != "none" and missing:
            raise ValueError(f"security {self.security} needs {', '.join(missing)}")
        if self.security == "none" and len(missing) < len(files):
            given = [name for name in files if name not in missing]
            raise ValueError(f"{', '.join(given)} without effect: set security: Basic256Sha256")
        return self

    @property
    def host(self) -> str:
        """Name or address to listen on."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """TCP port; 0: any free one."""
        return _port(urlsplit(self.endpoint)) or 0

    @property
    def on_loopback(self) -> bool:
        """Only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def located(self, folder: Path) -> Self:
        """The same settings with relative paths taken from `folder`, where the line file lies."""
        files = {name: getattr(self, name) for name in ("certificate", "private_key", "users_file")}
        return self.model_copy(update={name: folder / path for name, path in files.items() if path is not None})


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:  # not a number, or above 65535
        return None
