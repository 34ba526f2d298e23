"""Controllers made with asyncua's client, each in a process of its own that can be killed.

    interop_opcua_client.py PORT      one line on stdin for each: "NUMBER PART [OTHER]"

The client is imported once; each controller is a fork. It connects, subscribes to results, beats its heart, triggers PART
and acknowledges the answer, then triggers OTHER where one is given. What it sees goes to stdout: "NUMBER NS WHAT …".
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import time
from typing import Any

from asyncua import Client, ua

NAMESPACE = "urn:lineproof:machine-vision"
STATION = "s1"
BEAT_S = 0.05
ANSWER_S = 3.0
NOT_TAKEN_S = 0.005  # between two attempts to trigger


class Controller:
    """One connection."""

    def __init__(self, number: int, client: Client, index: int) -> None:
        self.number, self.client, self.index = number, client, index
        self.results: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.is_ready = asyncio.Event()

    def tell(self, *words: object) -> None:
        """A line in one write, so that lines of two processes do not mix."""
        tell(self.number, *words)

    def node(self, path: str) -> Any:
        """Of the station."""
        return self.client.get_node(ua.NodeId(f"{STATION}/{path}", self.index))

    def datachange_notification(self, node: Any, value: object, data: object) -> None:
        """asyncua calls this for each change."""
        del data
        if str(node.nodeid.Identifier).endswith("Ready"):
            if value:
                self.is_ready.set()
                self.tell("ready")
            else:
                self.is_ready.clear()
        elif isinstance(value, str):
            result = json.loads(value)
            self.tell("result", result["session"], result["seq"], result["part_id"], result["outcome"])
            self.results.put_nowait(result)

    async def beat(self) -> None:
        """What a controller's own cycle does."""
        heartbeat, number = self.node("ControllerHeartbeat"), time.monotonic_ns() // 1_000_000
        while True:
            number += 1
            await heartbeat.write_value(ua.DataValue(ua.Variant(number & 0xFFFF, ua.VariantType.UInt16)))
            await asyncio.sleep(BEAT_S)

    async def trigger(self, part: str) -> None:
        """Until it is taken."""
        machine, method = self.node("VisionStateMachine"), self.node("VisionStateMachine/StartSingleJob").nodeid
        while True:
            await self.is_ready.wait()
            self.tell("asks", part)
            try:
                job = await machine.call_method(method, part, part, ua.Variant(0, ua.VariantType.UInt32))
            except (ua.uaerrors.BadInvalidState, ua.uaerrors.BadTimeout):
                await asyncio.sleep(NOT_TAKEN_S)
                continue
            self.tell("triggered", job, part)
            return

    async def whole_part(self, part: str) -> None:
        """Triggered, read and acknowledged; again, when this process was too slow and counted as lost meanwhile."""
        machine, method = self.node("VisionStateMachine"), self.node("VisionStateMachine/Acknowledge").nodeid
        while True:
            await self.trigger(part)
            try:
                async with asyncio.timeout(ANSWER_S):
                    while (result := await self.results.get())["part_id"] != part:  # of before
                        pass
                await machine.call_method(method, result["result_id"])
            except (TimeoutError, ua.uaerrors.BadNotFound):
                self.tell("unread", part)
            else:
                self.tell("answered", part)
                return


def tell(number: int, *words: object) -> None:
    """To the process that kills."""
    os.write(1, (" ".join(map(str, (number, time.monotonic_ns(), *words))) + "\n").encode())


async def control(port: int, number: int, parts: list[str]) -> None:
    """Until it is killed."""
    tell(number, "connect", os.getpid())
    client = Client(f"opc.tcp://127.0.0.1:{port}/lineproof", timeout=10)
    await client.connect()
    controller = Controller(number, client, await client.get_namespace_index(NAMESPACE))
    beating = asyncio.create_task(controller.beat())
    session = await controller.node("Status/Session").read_value()
    controller.tell("connected", session)
    subscription = await client.create_subscription(10, controller)
    await subscription.subscribe_data_change(
        [controller.node("Status/Ready"), controller.node("Result/ResultSnapshot")]
    )
    await controller.whole_part(parts[0])
    for part in parts[1:]:
        await controller.trigger(part)
    await beating


def main() -> None:
    """Fork a controller for each line."""
    port = int(sys.argv[1])
    logging.getLogger("asyncua").addHandler(logging.NullHandler())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    for line in sys.stdin:
        number, *parts = line.split()
        if os.fork() == 0:
            try:
                asyncio.run(control(port, int(number), parts))
            except Exception as error:  # noqa: BLE001 – whatever it is, the other process wants to know
                tell(int(number), "failed", type(error).__name__, str(error).replace("\n", " "))
            os._exit(1)


if __name__ == "__main__":
    main()
