"""The nodes of every station, and the server that shows them."""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from asyncua import Node, Server, ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import ServiceError
from asyncua.crypto.uacrypto import x509
from asyncua.server.address_space import NodeData

from lineproof.errors import SettingsError, SignalError
from lineproof.signals.opcua.address_space import (
    COMMANDS_REFUSED,
    CONTROLLER_HEARTBEAT,
    EVENTS,
    MACHINE,
    METHODS,
    NAMESPACE,
    SHOWN,
    Kind,
    Variable,
)
from lineproof.signals.opcua.events import Event
from lineproof.signals.opcua.nodes.bounds import bounded
from lineproof.signals.opcua.nodes.methods import TYPES, Handlers, callback, ua_argument
from lineproof.signals.opcua.settings import OpcUaSettings
from lineproof.signals.opcua.users import Users, read_users
from lineproof.signals.opcua.view import Quality, Sheet, nothing

MAX_CHUNKS = 64  # of 64 kB in a message: anybody who connects may send one, before he says who he is
MAX_UNSENT = 8_000_000  # bytes that wait for a client to read them
APPLICATION_URI = "urn:lineproof:opcua"

HEARTBEAT = Variable(CONTROLLER_HEARTBEAT, Kind.UINT16, "written by the controller, changed at least every 100 ms")
REFUSED = Variable(COMMANDS_REFUSED, Kind.UINT32, "calls answered with Bad_TooManyOperations")
Result = TypeVar("Result")

logging.getLogger("asyncua").addHandler(logging.NullHandler())  # its tracebacks are for those who set up logging


class NodeServer:
    """Everything here runs in the event loop of the server's thread."""

    def __init__(self, settings: OpcUaSettings) -> None:
        self._settings = settings
        self._types: dict[str, ua.VariantType] = {item.path: TYPES[item.kind] for item in (*SHOWN, HEARTBEAT, REFUSED)}
        self._generators: dict[tuple[str, str], Any] = {}
        self._second = 0

    async def start(self, stations: dict[str, Handlers]) -> None:
        """Build the nodes, everything Bad, then listen; raises SignalError or SettingsError in one line."""
        settings = self._settings
        self._claim()
        users = None if settings.users_file is None else read_users(settings.users_file)
        self._server = Server(iserver=bounded(settings.clients, users, self._connected))
        self._server.set_endpoint(settings.endpoint)
        self._server.limits = TransportLimits(max_chunk_count=MAX_CHUNKS, max_message_size=MAX_CHUNKS * 65_535)
        self._server.name = "lineproof"
        self._server.product_uri = self._server.manufacturer_name = "lineproof"
        self._server.application_type = ua.ApplicationType.Server
        self._server.disable_clock()  # it would take up to a second to stop; see `clock`
        with _out_of_the_collectors_sight():
            await self._server.init()
        await self._secure(users)
        self._index = await self._server.register_namespace(NAMESPACE)
        await self._build(stations)
        try:
            await self._server.start()
        except OSError as error:
            raise self._unavailable(error) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.bserver.port) if self._server.bserver else self._settings.port

    def write(self, station: str, sheet: Sheet, at: datetime) -> None:
        """Write all of it in one step of the loop: no client reads or is sent anything in between.

        Raises SignalError when a value was not taken: a value that stays is worse than a server that goes.
        """
        params = ua.WriteParameters()
        for path, cell in sheet.items():
            item = ua.WriteValue(self._node_id(f"{station}/{path}"), ua.AttributeIds.Value)
            value = ua.LocalizedText(cell.value) if self._types[path] is TYPES[Kind.NAME] else cell.value
            variant = ua.Variant(value, self._types[path]) if cell.status == Quality.GOOD else ua.Variant()
            item.Value = ua.DataValue(variant, ua.StatusCode(int(cell.status)), at)
            params.NodesToWrite.append(item)
        results = _at_once(self._server.iserver.isession.write(params))
        for path, status in zip(sheet, results, strict=True):
            if not status.is_good():
                raise SignalError(f"OPC UA {station}/{path}: not taken: {status.name}")

    def tell(self, station: str, event: Event) -> None:
        """An event of the station, also for those who listen at the Server object."""
        generator = self._generators[station, event.name]
        body = generator.event
        for name, value in event.fields.items():
            setattr(body, name, value)
        body.Severity, body.Message = event.severity, ua.LocalizedText(event.message)
        _at_once(generator.trigger())
        own, body.emitting_node = body.emitting_node, ua.NodeId(ua.ObjectIds.Server)
        _at_once(self._server.iserver.isession.subscription_service.trigger_event(body))
        body.emitting_node = own

    def clock(self) -> None:
        """CurrentTime of the server, once a second: clients look at it to see that the server lives."""
        now = datetime.now(UTC)
        if int(now.timestamp()) != self._second:
            self._second = int(now.timestamp())
            inner = self._server.iserver
            value = ua.DataValue(ua.Variant(now, ua.VariantType.DateTime), SourceTimestamp=now)
            _at_once(inner.write_attribute_value(inner.current_time_node.nodeid, value))

    def cut_deaf(self) -> None:
        """Cut the connections of clients that ask and do not listen: answers would pile up without end."""
        for transport in list(self._server.iserver.asyncio_transports):
            if transport.get_write_buffer_size() > MAX_UNSENT:
                transport.abort()

    async def stop(self) -> None:
        """Close every connection and the port."""
        gc.unfreeze()
        await self._server.stop()

    def abort(self) -> None:
        """Cut connections that do not close."""
        for transport in list(self._server.iserver.asyncio_transports):
            transport.abort()

    def _connected(self) -> set[ua.NodeId]:
        """The sessions that have a connection."""
        processors = [protocol.processor for protocol in self._server.bserver.clients]
        return {one.session.session_id for one in processors if one is not None and one.session is not None}

    def _claim(self) -> None:
        """Told within milliseconds that the port is taken, not after the address space was built."""
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        try:
            with closing(socket.create_server((self._settings.host, self._settings.port), family=family)):
                return
        except OSError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: OSError) -> SignalError:
        reason = str(error) if error.errno is None else os.strerror(error.errno).lower()
        hint = "stop the other server, or set another port in opcua.endpoint"
        return SignalError(f"OPC UA: cannot listen at {self._settings.endpoint}: {reason}", hint=hint)

    async def _secure(self, users: Users | None) -> None:
        settings, server = self._settings, self._server
        uri = APPLICATION_URI
        if users is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            server.set_identity_tokens([ua.AnonymousIdentityToken])
        else:
            assert settings.certificate is not None
            assert settings.private_key is not None
            for path, load in (
                (settings.certificate, server.load_certificate),
                (settings.private_key, server.load_private_key),
            ):
                try:
                    await load(path)
                except (OSError, ValueError, TypeError) as error:  # TypeError: the key asks for a password
                    reason = error.strerror if isinstance(error, OSError) else "neither PEM nor DER, or locked"
                    raise SettingsError(f"{path}: {reason}", hint="opcua.certificate and opcua.private_key") from None
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            server.set_identity_tokens([ua.UserNameIdentityToken])
            uri = _uri_of(server.iserver.certificate) or uri
        await server.set_application_uri(uri)

    async def _build(self, stations: dict[str, Handlers]) -> None:
        server = self._server
        kind = await server.nodes.base_object_type.add_object_type(
            self._node_id("VisionSystemType"), self._name("VisionSystemType")
        )
        event_types = {
            name: await server.create_custom_event_type(
                self._index, f"{name}Type", properties=[(item, TYPES[kind]) for item, kind in fields]
            )
            for name, fields in EVENTS.items()
        }
        for station, handlers in stations.items():
            root = await server.nodes.objects.add_object(self._node_id(station), self._name(station), kind.nodeid)
            await self._add_variables(station, root)
            await self._add_methods(station, handlers)
            self._listen(station, handlers)
            for name, event_type in event_types.items():
                generator = await server.get_event_generator(event_type, emitting_node=root.nodeid)
                self._generators[station, name] = generator
            self.write(station, nothing(Quality.BAD_WAITING_FOR_INITIAL_DATA), datetime.now(UTC))

    async def _add_variables(self, station: str, root: Node) -> None:
        nodes: dict[str, Node] = {"": root}
        for variable in (*SHOWN, HEARTBEAT, REFUSED):
            parent, _, name = variable.path.rpartition("/")
            if parent not in nodes:
                nodes[parent] = await root.add_object(self._node_id(f"{station}/{parent}"), self._name(parent))
            zero = ua.get_default_value(TYPES[variable.kind])
            add = nodes[parent].add_property if parent.endswith("CurrentState") else nodes[parent].add_variable
            node = await add(self._node_id(f"{station}/{variable.path}"), self._name(name), zero, TYPES[variable.kind])
            about = ua.DataValue(ua.Variant(ua.LocalizedText(variable.about)))
            await node.write_attribute(ua.AttributeIds.Description, about)
            nodes[variable.path] = node
        await nodes[CONTROLLER_HEARTBEAT].set_writable()

    async def _add_methods(self, station: str, handlers: Handlers) -> None:
        machine = self._server.get_node(self._node_id(f"{station}/{MACHINE}"))
        for method in METHODS:
            await machine.add_method(
                self._node_id(f"{station}/{MACHINE}/{method.name}"),
                self._name(method.name),
                callback(method, handlers),
                [ua_argument(item) for item in method.inputs],
                [ua_argument(item) for item in method.outputs],
            )

    def _listen(self, station: str, handlers: Handlers) -> None:
        def written(node: NodeData, attribute: ua.AttributeIds, value: ua.DataValue) -> None:
            held = node.attributes[attribute]
            if value.Value is None or not isinstance(value.Value.Value, int):  # an array, or null with a Bad status
                raise ServiceError(ua.StatusCodes.BadTypeMismatch)
            if value.Value.Value != held.value.Value.Value:
                handlers.heard()
            held.value = value

        self._server.set_attribute_value_setter(self._node_id(f"{station}/{CONTROLLER_HEARTBEAT}"), written)

    def _node_id(self, path: str) -> ua.NodeId:
        return ua.NodeId(path, self._index)

    def _name(self, name: str) -> ua.QualifiedName:
        return ua.QualifiedName(name, self._index)


@contextmanager
def _out_of_the_collectors_sight() -> Iterator[None]:
    """For the standard address space: half a million objects that stay as long as the server.

    A full collection that looks at them stops the decision loop for half a second and more; and while they are made,
    collections take longer than the making.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


def _uri_of(certificate: x509.Certificate) -> str | None:
    """The application's URI as the certificate has it; clients compare the two."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


def _at_once(step: Coroutine[Any, Any, Result]) -> Result:
    """Run what must not be interleaved with anything; raises SignalError if it would wait, as asyncua never does here."""
    try:
        step.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    step.close()
    raise SignalError("OPC UA: a write was not done in one step", hint="report it with the version of asyncua")
