"""The `io` section of a line file: the wires to controllers; any of them, at once."""

from __future__ import annotations

from pydantic import Field

from lineproof.settings import StrictModel
from lineproof.signals.gpio.settings import GpioSettings
from lineproof.signals.http_callback_settings import HttpCallbackSettings
from lineproof.signals.io_map import IoMap
from lineproof.signals.mqtt_settings import MqttSettings
from lineproof.signals.opcua.settings import OpcUaSettings


class IoSettings(StrictModel):
    """Each wire shows every station of the line; one wire of each station commands it (see `stations`)."""

    modbus: IoMap | None = Field(default=None, description="a Modbus TCP server, and where each station lies on it")
    opcua: OpcUaSettings | None = Field(default=None, description="an OPC UA server in the words of OPC 40100-1")
    mqtt: MqttSettings | None = Field(default=None, description="an MQTT broker")
    http_callback: HttpCallbackSettings | None = Field(default=None, description="results posted to a receiver")
    gpio: dict[str, GpioSettings] = Field(default_factory=dict, description="lines of a GPIO chip, by station")

    @property
    def named(self) -> tuple[str, ...]:
        """The wires that are there."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))
