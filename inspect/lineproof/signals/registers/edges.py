"""Two images of a controller's registers, before and after a write, as what was asked in between."""

from __future__ import annotations

from dataclasses import replace

from lineproof.core.station import (
    Acknowledged,
    Alive,
    Challenging,
    Command,
    Enabled,
    Halted,
    RecipeAsked,
    ResetAsked,
    Triggered,
)
from lineproof.signals.registers.image import ControllerImage


def at_start(first: ControllerImage) -> ControllerImage:
    """What to hold the first image after a start against: its levels are news, its raised edges are not.

    A trigger that stands since before the start was meant for a part that may be gone.
    """
    return replace(ControllerImage(), trigger=first.trigger, ack=first.ack, reset=first.reset)


def edges(before: ControllerImage, after: ControllerImage) -> tuple[Command, ...]:
    """What one write asked for; the trigger comes last, so that an acknowledgement beside it is heard first.

    An acknowledgement means the result of the trigger before this write. A trigger with TRIGGER_SEQ 0 is none: the
    controller gets no TriggerAck and rejects the part.
    """
    asked: list[Command] = []
    if after.heartbeat != before.heartbeat:
        asked.append(Alive())
    if after.offline != before.offline:
        asked.append(Halted(after.offline))
    if after.reset and not before.reset:
        asked.append(ResetAsked())
    if after.enable != before.enable:
        asked.append(Enabled(after.enable))
    if after.challenge != before.challenge:
        asked.append(Challenging(after.challenge))
    if after.recipe not in (before.recipe, 0):
        asked.append(RecipeAsked(after.recipe))
    if after.ack and not before.ack and before.trigger_seq:
        asked.append(Acknowledged(before.trigger_seq))
    if after.trigger and not before.trigger and after.trigger_seq:
        asked.append(Triggered(after.trigger_seq, after.part_id, after.recipe, after.deadline_ms, after.encoder))
    return tuple(asked)
