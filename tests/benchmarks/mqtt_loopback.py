"""MQTT on loopback through a real Mosquitto: latency of a result, time that `show` takes, and restarts of the broker.

Results at QoS 1 go from `Mqtt.show` to a subscriber of another library in the same process; a bare publish by that
library to the same subscriber is the floor. Then the broker is stopped and started again and again while results are
produced: how long until the wire is back, and what became of each result.

    python tests/benchmarks/mqtt_loopback.py --restarts 500 --out tests/benchmarks/results/mqtt_DATE.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine

from lineproof.signals.mqtt import Mqtt
from lineproof.signals.mqtt_settings import MqttSettings
from mqtt_rig import TOPIC, WHERE, Mosquitto, Subscriber, view, wait_for

PERIOD_S = 0.02  # 50 parts a second, each a result and a change of state
PATIENCE_S = 120.0
FLOOR = "bench/floor"


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 3),
        "p99_ms": round(1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 3),
        "max_ms": round(1000 * ordered[-1], 3),
    }


def latencies(wire: Mqtt, port: int, count: int) -> dict[str, object]:
    """Both ways in turn, so that whatever else the machine does meets both."""
    mes = Subscriber(port, TOPIC + "result")
    floor = Subscriber(port, FLOOR, "floor")
    took: dict[str, list[float]] = {"show": [], "through lineproof": [], "bare publish": []}
    for seq in range(1, count + 1):
        begin_s = time.monotonic()
        wire.show(view(seq))
        took["show"].append(time.monotonic() - begin_s)
        time.sleep(PERIOD_S)
        wait_for(lambda seq=seq: len(mes.at_s) == seq)
        took["through lineproof"].append(mes.at_s[-1] - begin_s)
        begin_s = time.monotonic()
        floor.client.publish(FLOOR, mes.received[-1].payload, 1)
        time.sleep(PERIOD_S)
        wait_for(lambda seq=seq: len(floor.at_s) == seq)
        took["bare publish"].append(floor.at_s[-1] - begin_s)
    mes.close()
    floor.close()
    return {name: quantiles(seconds) for name, seconds in took.items()}


def restarts(wire: Mqtt, broker: Mosquitto, count: int, longest_down_s: float, session: int) -> dict[str, object]:
    """`session` of the results, so that rounds do not mix."""
    chance = random.Random(1)
    mes = Subscriber(broker.port, TOPIC + "result", f"mes-{session}")
    over = threading.Event()
    shown: list[int] = []

    def produce() -> None:
        for seq in itertools.count(1):
            if over.is_set():
                return
            shown.append(seq)
            wire.show(view(seq, session))
            time.sleep(PERIOD_S)

    producer = threading.Thread(target=produce)
    producer.start()
    recovery_s, drained_s = [], []
    for _ in range(count):
        before = wire.health().connections
        broker.stop()
        time.sleep(chance.uniform(0, longest_down_s))
        broker.start()
        begin_s = time.monotonic()
        wait_for(lambda before=before: wire.health().connections > before, PATIENCE_S)
        recovery_s.append(time.monotonic() - begin_s)
        wait_for(lambda: wire.health().store.waiting_results < 3, PATIENCE_S)
        drained_s.append(time.monotonic() - begin_s)
    over.set()
    producer.join()
    wait_for(lambda: wire.health().store.waiting_results == 0, PATIENCE_S)
    wait_for(lambda: len({body["seq"] for body in mes.bodies()}) == len(shown), PATIENCE_S)
    mes.close()
    seen: set[int] = set()
    copies = {"marked historical": 0, "marked DUP by the broker": 0, "not marked": 0}
    for message, body in zip(mes.received, mes.bodies(), strict=True):
        if body["seq"] in seen:
            mark = "marked historical" if body["is_historical"] else "marked DUP by the broker" if message.dup else ""
            copies[mark or "not marked"] += 1
        seen.add(body["seq"])
    return {
        "restarts": count,
        "longest_down_s": longest_down_s,
        "results": len(shown),
        "lost": len(set(shown) - seen),
        "dropped": wire.health().store.dropped_results,
        "copies": copies,
        "connected_after": quantiles(recovery_s),
        "backlog_sent_after": quantiles(drained_s),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=500, help="for the latency")
    parser.add_argument("--restarts", type=int, default=500)
    parser.add_argument("--long-outages", type=int, default=10, help="of up to 6 s")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report: dict[str, object] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        wire = Mqtt(MqttSettings(port=broker.port, **WHERE))
        try:
            wait_for(lambda: wire.health().connected)
            report["latency"] = latencies(wire, broker.port, options.results)
            report["restarts"] = restarts(wire, broker, options.restarts, 0.3, session=8)
            report["long_outages"] = restarts(wire, broker, options.long_outages, 6.0, session=9)
        finally:
            wire.close()
            broker.stop()
    print(json.dumps(report, indent=2))  # noqa: T201
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
