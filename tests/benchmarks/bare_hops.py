"""What the hand-overs of one part cost when nobody does any work: the floor under every line with its engine in a process.

The same hops as a part's way through the line, with nothing in them: the loop's thread wakes the camera's, that one writes
into a pipe, a process answers, a thread reads the answer and wakes the loop. How long a sleeping thread takes to run is the
machine's and the system's, and differs between two days by as much as the line's own work.
"""

from __future__ import annotations

import queue
import threading
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

PAUSE_S = 0.01  # between two parts: long enough for everybody to be asleep


def hops_ms(rounds: int = 2000) -> list[float]:
    """Milliseconds from the loop's first move until the loop runs again, for each round."""
    context = get_context("spawn")
    taken, orders = context.Pipe(duplex=False)
    answers, given = context.Pipe(duplex=False)
    process = context.Process(target=_echo, args=(taken, given), daemon=True)
    process.start()
    taken.close()
    given.close()
    orders.send_bytes(b"up?")
    answers.recv_bytes()  # a process that still starts is no hand-over
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    wanted, changed = [False], threading.Condition()

    def eye() -> None:
        for _ in range(rounds):
            with changed:
                changed.wait_for(lambda: wanted[0])
                wanted[0] = False
            orders.send_bytes(b"order")

    def room() -> None:
        for _ in range(rounds):
            inbox.put(answers.recv_bytes())

    threads = [threading.Thread(target=each) for each in (eye, room)]
    for thread in threads:
        thread.start()
    times = []
    for _ in range(rounds):
        time.sleep(PAUSE_S)
        begun_ns = time.perf_counter_ns()
        with changed:
            wanted[0] = True
            changed.notify()
        inbox.get()
        times.append((time.perf_counter_ns() - begun_ns) / 1e6)
    for thread in threads:
        thread.join()
    orders.close()
    process.join()
    return times


def _echo(orders: Connection, answers: Connection) -> None:
    try:
        while True:
            answers.send_bytes(orders.recv_bytes())
    except EOFError:
        return
