"""The messages between the line and the engine's process; pixels and words of a frame lie in its slot."""

from __future__ import annotations

import pickle
from dataclasses import fields
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from lineproof.core import Frame, Image, Inspection
from lineproof.line.engine_room.events import Job, Key, Ready
from lineproof.line.engine_room.slots import Extent


class Order(NamedTuple):
    """Inspect what lies in a slot."""

    number: int
    slot: int
    extent: Extent


class Abandon(NamedTuple):
    """Do not begin this one."""

    number: int


class Answer(NamedTuple):
    """The slot is free again; without an inspection the job was not begun."""

    number: int
    inspection: Inspection | None


class Leaving(NamedTuple):
    """The process ends, and why in one line."""

    why: str


FromLine = Order | Abandon
FromEngine = Ready | Answer | Leaving


_FACTS = tuple(fact.name for fact in fields(Frame) if fact.name != "image")


class Words(NamedTuple):
    """All of a job but its pixels."""

    key: Key
    due_ns: int
    recipe: int
    facts: dict[str, Any]  # of the frame

    @classmethod
    def of(cls, job: Job) -> Words:
        """Of this job."""
        return cls(job.key, job.due_ns, job.recipe, {name: getattr(job.frame, name) for name in _FACTS})

    def frame(self, image: Image) -> Frame:
        """The frame as it was handed in."""
        return Frame(image, **self.facts)


def send(pipe: Connection, message: FromLine | FromEngine) -> None:
    """One message; raises BrokenPipeError when nobody is there, BlockingIOError when a pipe that must not wait is full."""
    pipe.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
