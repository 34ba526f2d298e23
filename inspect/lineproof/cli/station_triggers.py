"""Who triggers a station beside the wires of a network: lines of a chip, an encoder, nobody, or a program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from lineproof.cli.output import messages, require_extra
from lineproof.core.codes import FaultCode

if TYPE_CHECKING:
    from lineproof.line.conduct.conductor import Conductor
    from lineproof.line.conduct.post import Post
    from lineproof.line.triggers.encoder import EncoderTrigger
    from lineproof.line.triggers.software import SoftwareTrigger
    from lineproof.linefile import LineFile
    from lineproof.ports import Controller

STOP_S = 3.0


def own_controllers(name: str, settings: LineFile, wake: Callable[[], None]) -> dict[str, Controller]:
    """By kind, as `trigger` names them; raises MissingExtra, or SignalError when the lines cannot be had."""
    from lineproof.core.numbering import Numbering

    station, gpio, numbering = settings.stations[name], settings.io.gpio.get(name), Numbering()
    found: dict[str, Controller] = {}
    encoder: EncoderTrigger | None = None
    if station.trigger == "free_run":
        from lineproof.line.triggers.free_run import FreeRun

        found["free_run"] = FreeRun(station.free_run, numbering, wake=wake)
    elif station.trigger == "software":
        from lineproof.line.triggers.software import SoftwareTrigger

        found["software"] = SoftwareTrigger(numbering, wake=wake)
    elif station.trigger == "encoder" and station.encoder is not None:
        from lineproof.line.triggers.encoder import EncoderTrigger

        found["encoder"] = encoder = EncoderTrigger(station.encoder, numbering, wake=wake)
    if gpio is not None:
        require_extra("gpio", "gpiod")
        from lineproof.signals.gpio.chip import GpiodLines
        from lineproof.signals.gpio.controller import GpioController

        found["gpio"] = GpioController(gpio, GpiodLines(gpio), numbering, encoder=encoder, wake=wake)
    return found


@contextmanager
def door(conductor: Conductor, settings: LineFile, wires: Mapping[str, Mapping[str, Controller]]) -> Iterator[None]:
    """`POST /v1/trigger` for stations that programs trigger, as long as the line runs; none: nothing listens.

    Raises:
        InputError: the port is taken, or an address but loopback without a token.
    """
    triggers = {name: one["software"] for name, one in wires.items() if "software" in one}
    if not triggers:
        yield
        return
    import os

    from lineproof.serve.auth import find_token, refuse_open_door
    from lineproof.serve.server import listen, make_server, url_of
    from lineproof.serve.station_app import Triggered, create_station_app

    token = find_token(settings.serve.token_file, os.environ)
    refuse_open_door(settings.serve.host, token)
    stations = {
        name: Triggered(_fires(trigger), settings.stations[name].deadline_ms, partial(_trouble, conductor.posts[name]))
        for name, trigger in triggers.items()
    }
    with listen(settings.serve.host, settings.serve.port) as listener:
        deadline_ms = max(settings.stations[name].deadline_ms for name in triggers)
        server = make_server(create_station_app(stations, settings.serve, token), deadline_ms=deadline_ms)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="door", daemon=True)
        thread.start()
        messages.print(f"triggers: POST {url_of(listener)}/v1/trigger?part_id=…", markup=False)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(STOP_S)


def _fires(trigger: Controller) -> SoftwareTrigger:
    from lineproof.line.triggers.software import SoftwareTrigger

    if not isinstance(trigger, SoftwareTrigger):
        raise TypeError("only a software trigger is fired by programs")
    return trigger


def _trouble(post: Post) -> str:
    view = post.view
    if view is None:
        return "starting"
    if view.fault_code:
        return f"fault {view.fault_code}: {FaultCode(view.fault_code).text}"
    if view.ready or view.triggered:
        return ""
    return "the check with known parts is overdue" if view.takes_known_parts else view.state.name.lower()
