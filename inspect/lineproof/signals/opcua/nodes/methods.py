"""A client's call of a method: checked, handed to the station, answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from lineproof.signals.opcua.address_space import Argument, Kind, Method
from lineproof.signals.opcua.desk import Answer
from lineproof.signals.opcua.view import Quality

MAX_TEXT = 256  # characters of a MeasId, PartId or ResultId: they go into every result
TYPES = {kind: ua.VariantType[kind.value] for kind in Kind}


@dataclass(frozen=True, slots=True)
class Handlers:
    """What a station does when clients call, and when the controller's heartbeat changes."""

    called: Callable[[str, tuple[object, ...]], Awaitable[Answer]]
    heard: Callable[[], None]


def callback(method: Method, handlers: Handlers) -> Callable[..., Coroutine[Any, Any, object]]:
    """What asyncua calls for a method of a station."""

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


def ua_argument(argument: Argument) -> ua.Argument:
    """An input or output as clients browse it."""
    found = ua.Argument()
    found.Name = argument.name
    found.DataType = ua.NodeId(TYPES[argument.kind].value)
    found.ValueRank = -1  # one value, no array
    found.Description = ua.LocalizedText(argument.about)
    return found
