"""The only module that knows asyncua: nodes, values, events, methods and users of an OPC UA server."""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from asyncua import Node, Server, ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.uacrypto import x509
from asyncua.server.address_space import NodeData
from asyncua.server.internal_server import InternalServer
from asyncua.server.subscription_service import SubscriptionService

from lineproof.errors import SettingsError, SignalError
from lineproof.signals.opcua.address_space import (
    COMMANDS_REFUSED,
    CONTROLLER_HEARTBEAT,
    EVENTS,
    MACHINE,
    METHODS,
    NAMESPACE,
    SHOWN,
    Argument,
    Kind,
    Method,
    Variable,
)
from lineproof.signals.opcua.desk import Answer
from lineproof.signals.opcua.events import Event
from lineproof.signals.opcua.settings import OpcUaSettings
from lineproof.signals.opcua.users import Users, read_users
from lineproof.signals.opcua.view import Quality, Sheet, nothing

# Faster than this, asyncua publishes each value by itself; and a client could keep the server's thread busy.
MIN_PUBLISHING_MS = 10.0
# What a client that vanished may leave behind: its session for a minute, and a bounded queue of what it did not fetch.
MAX_SESSION_MS = 60_000
MAX_QUEUE = 256
MAX_LIFETIME = 3000  # publishing intervals without a client's request; three keep-alives are the least (Part 4, 5.13.2)
MAX_KEEP_ALIVE = 1000
SUBSCRIPTIONS_PER_CLIENT = 4
MAX_CHUNKS = 64  # of 64 kB in a message: anybody who connects may send one, before he says who he is
MAX_UNSENT = 8_000_000  # bytes that wait for a client to read them
MAX_TEXT = 256  # characters of a MeasId, PartId or ResultId: they go into every result
APPLICATION_URI = "urn:lineproof:opcua"

HEARTBEAT = Variable(CONTROLLER_HEARTBEAT, Kind.UINT16, "written by the controller, changed at least every 100 ms")
REFUSED = Variable(COMMANDS_REFUSED, Kind.UINT32, "calls answered with Bad_TooManyOperations")
TYPES = {kind: ua.VariantType[kind.value] for kind in Kind}
Result = TypeVar("Result")

logging.getLogger("asyncua").addHandler(logging.NullHandler())  # its tracebacks are for those who set up logging


@dataclass(frozen=True, slots=True)
class Handlers:
    """What a station does when clients call, and when the controller's heartbeat changes."""

    called: Callable[[str, tuple[object, ...]], Awaitable[Answer]]
    heard: Callable[[], None]


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
        self._server = Server(iserver=_bounded(settings.clients, users, self._connected))
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
                _callback(method, handlers),
                [_argument(item) for item in method.inputs],
                [_argument(item) for item in method.outputs],
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


def _bounded(clients: int, users: Users | None, connected: Callable[[], set[ua.NodeId]]) -> InternalServer:
    """With bounds on what clients may take, and nobody an administrator."""
    server = InternalServer(user_manager=_Gate(users))
    server.max_connections = clients
    server.max_subscriptions = SUBSCRIPTIONS_PER_CLIENT * clients
    server.max_session_timeout_ms = MAX_SESSION_MS
    server.max_unacked_messages_per_subscription = MAX_QUEUE
    server.max_monitored_item_queue_size = MAX_QUEUE
    server.max_lifetime_count = MAX_LIFETIME
    server.max_keep_alive_count = MAX_KEEP_ALIVE
    service = _Subscriptions(server, connected)
    server.subscription_service = server.isession.subscription_service = service
    server.register_server = _no_discovery
    return server


def _no_discovery(*_: object) -> None:
    """Anybody could fill the list of a discovery server, without a session."""
    raise ServiceError(ua.StatusCodes.BadServiceUnsupported)


class _Subscriptions(SubscriptionService):  # type: ignore[misc]
    """Publishes not more often than every 10 ms: all that a view changed is then in one notification."""

    def __init__(self, server: InternalServer, connected: Callable[[], set[ua.NodeId]]) -> None:
        """`connected` names the sessions that have a connection."""
        super().__init__(server.aspace, iserver=server)
        self._connected = connected

    async def create_subscription(
        self, params: ua.CreateSubscriptionParameters, *args: object, **kwargs: object
    ) -> ua.CreateSubscriptionResult:
        """Revise the interval, as a server may."""
        if not params.RequestedPublishingInterval >= MIN_PUBLISHING_MS:  # also not a number
            params.RequestedPublishingInterval = MIN_PUBLISHING_MS
        await self._make_room()
        return await super().create_subscription(params, *args, **kwargs)

    async def _make_room(self) -> None:
        """With no room for another subscription, sessions without a connection go, the oldest first.

        A session outlives its connection (OPC UA Part 4, 6.7); a client that crashes and comes back within each such
        session's time would else keep itself and everybody out.
        """
        for session in list(self.iserver._external_sessions.values()):  # no public way to it
            if len(self.subscriptions) < self.iserver.max_subscriptions:
                return
            if session.session_id not in self._connected():
                await session.close_session()


class _Gate:
    """Users read everything, call methods, and write the controller's heartbeat.

    The gates that come with asyncua make an administrator, who may write any value, of whoever says he is one.
    """

    def __init__(self, users: Users | None) -> None:
        self._users = users

    def get_user(
        self,
        _: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: bytes | None = None,
    ) -> User | None:
        """None: refused. The open channel, which asyncua keeps for discovery, has an empty certificate."""
        if self._users is None:
            return User(role=UserRole.User)
        if not certificate or username is None or password is None or not self._users.know(username, password):
            return None
        return User(role=UserRole.User, name=username)


def _callback(method: Method, handlers: Handlers) -> Callable[..., Coroutine[Any, Any, object]]:
    async def called(_: ua.NodeId, *variants: ua.Variant) -> object:
        wrong = _misfit(method.inputs, variants)
        if wrong is not None:
            return ua.StatusCode(int(wrong))
        inputs = tuple("" if item.Value is None else item.Value for item in variants)  # a String may be null
        answer = await handlers.called(method.name, inputs)
        if answer.status != Quality.GOOD:
            return ua.StatusCode(int(answer.status))
        kinds = (TYPES[item.kind] for item in method.outputs)
        return [ua.Variant(value, kind) for value, kind in zip(answer.outputs, kinds, strict=True)]

    return called


def _misfit(wanted: tuple[Argument, ...], given: tuple[ua.Variant, ...]) -> Quality | None:
    """What is wrong with the inputs of a call; asyncua looks at neither their number nor their types."""
    if len(given) < len(wanted):
        return Quality.BAD_ARGUMENTS_MISSING
    if len(given) > len(wanted):
        return Quality.BAD_TOO_MANY_ARGUMENTS
    for argument, item in zip(wanted, given, strict=True):
        if item.is_array or item.VariantType is not TYPES[argument.kind]:
            return Quality.BAD_INVALID_ARGUMENT
        if isinstance(item.Value, str) and len(item.Value) > MAX_TEXT:
            return Quality.BAD_OUT_OF_RANGE
    return None


def _argument(argument: Argument) -> ua.Argument:
    found = ua.Argument()
    found.Name = argument.name
    found.DataType = ua.NodeId(TYPES[argument.kind].value)
    found.ValueRank = -1  # one value, no array
    found.Description = ua.LocalizedText(argument.about)
    return found


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
