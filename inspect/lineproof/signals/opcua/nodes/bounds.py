"""What clients may take of an OPC UA server, and who they may be."""

from __future__ import annotations

from collections.abc import Callable

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.subscription_service import SubscriptionService

from lineproof.signals.opcua.users import Users

# Faster than this, asyncua publishes each value by itself; and a client could keep the server's thread busy.
MIN_PUBLISHING_MS = 10.0
# What a client that vanished may leave behind: its session for a minute, and a bounded queue of what it did not fetch.
MAX_SESSION_MS = 60_000
MAX_QUEUE = 256
MAX_LIFETIME = 3000  # publishing intervals without a client's request; three keep-alives are the least (Part 4, 5.13.2)
MAX_KEEP_ALIVE = 1000
SUBSCRIPTIONS_PER_CLIENT = 4


def bounded(clients: int, users: Users | None, connected: Callable[[], set[ua.NodeId]]) -> InternalServer:
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
