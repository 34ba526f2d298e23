"""The `mqtt` section of a line file: which broker, as whom, and under which topics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from lineproof.settings import StrictModel
from lineproof.signals.store_settings import StoreSettings

# No `/`, `+` or `#`, which mean something in a topic; and short enough for the client id that three of them make.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class TlsSettings(StrictModel):
    """An encrypted connection; the broker's certificate and name are always checked."""

    ca_file: Path | None = Field(default=None, description="PEM; default: the authorities of the operating system")
    cert_file: Path | None = Field(default=None, description="PEM, where the broker asks for a client certificate")
    key_file: Path | None = Field(default=None, description="PEM, unless it is in cert_file")


class MqttSettings(StrictModel):
    """A station on an MQTT 3.1.1 broker, under `insp/<site>/<line>/<station>/`."""

    host: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$", description="name or address of the broker")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with tls")
    site: Word = Field(description="of the topics")
    line: Word = Field(description="of the topics")
    station: Word | None = Field(
        default=None,
        description="of the topics; default: the station's name in the line file; no two may have all three in common",
    )
    tls: TlsSettings | None = Field(default=None, description="default: not encrypted")
    credentials_file: Path | None = Field(default=None, description="one line `user:password`; default: anonymous")
    state_every_ms: float = Field(
        default=1000, ge=50, description="a state that only counts its heartbeat is published so often; others at once"
    )
    silent_ms: float = Field(
        default=2000, ge=100, description="nothing shown for so long: the state is taken back to offline"
    )
    timeout_ms: float = Field(
        default=2000, ge=100, le=30_000, description="for connecting, and for each answer of the broker"
    )
    store: StoreSettings = Field(default_factory=StoreSettings, description="what may wait while the broker is away")

    @property
    def name(self) -> str:
        """`site/line/station`."""
        return f"{self.site}/{self.line}/{self.station}"
