"""The order in which messages leave, and which one goes when there is no room; no lock, no disk."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from lineproof.signals.messages.values import as_historical


class Kind(Enum):
    """What a message is about."""

    STATE = "state"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way; (session, seq) is the key of a result, a state is one of many and has none."""

    kind: Kind
    session: int
    seq: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Handed:
    """A message in the hands of its wire."""

    order: int  # of coming
    message: Message
    is_historical: bool  # not sent when it happened, and perhaps sent before

    @property
    def payload(self) -> bytes:
        """What to send."""
        return as_historical(self.message.payload) if self.is_historical else self.message.payload


class MessageQueue:
    """First in, first out, bounded; what is in the hands of the wire counts, and is not dropped."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._orders = itertools.count(1)
        self._historical_up_to = 0
        self._waiting: dict[Kind, OrderedDict[int, Message]] = {kind: OrderedDict() for kind in Kind}
        self._taken: dict[int, Message] = {}

    def add(self, message: Message) -> list[Message]:
        """Put it last; what that pushes out is returned."""
        self._waiting[message.kind][next(self._orders)] = message
        self.bytes += len(message.payload)
        return self._pushed_out()

    def take(self, limit: int) -> list[Handed]:
        """The oldest, states and results in the order of their coming."""
        heads = [itertools.islice(waiting.items(), limit) for waiting in self._waiting.values()]
        oldest = sorted(itertools.chain(*heads), key=lambda item: item[0])[:limit]
        for order, message in oldest:
            self._taken[order] = self._waiting[message.kind].pop(order)
        return [Handed(order, message, order <= self._historical_up_to) for order, message in oldest]

    def remove(self, handed: Handed) -> Message:
        """It is done with."""
        message = self._taken.pop(handed.order)
        self.bytes -= len(message.payload)
        return message

    def put_back(self) -> list[Message]:
        """What was taken waits again, at its place; what that pushes out is returned."""
        for order in sorted(self._taken, reverse=True):
            message = self._taken.pop(order)
            self._waiting[message.kind][order] = message
            self._waiting[message.kind].move_to_end(order, last=False)
        return self._pushed_out()

    def mark_historical(self) -> None:
        """What has come so far is from now on handed out as historical."""
        self._historical_up_to = next(self._orders)

    def count(self, kind: Kind) -> int:
        """Those that wait or are in the hands of the wire."""
        return len(self._waiting[kind]) + sum(message.kind is kind for message in self._taken.values())

    def results(self) -> list[Message]:
        """Those that wait or are in the hands of the wire, oldest first."""
        taken = [message for message in self._taken.values() if message.kind is Kind.RESULT]
        return [*taken, *self._waiting[Kind.RESULT].values()]

    def _pushed_out(self) -> list[Message]:
        """The oldest states, then the oldest results, until the rest fits."""
        dropped = []
        while len(self) > self._max_messages or self.bytes > self._max_bytes:
            waiting = self._waiting[Kind.STATE] or self._waiting[Kind.RESULT]
            if not waiting:  # the wire has them all
                break
            _, message = waiting.popitem(last=False)
            self.bytes -= len(message.payload)
            dropped.append(message)
        return dropped

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._taken)
