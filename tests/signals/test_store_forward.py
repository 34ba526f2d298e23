"""What may wait, what goes first, and what is still there after any failure of the disk or the process."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.errors import SignalError
from lineproof.signals import store_forward, store_log
from lineproof.signals.store_forward import StoreForward
from lineproof.signals.store_log import DONE, MAGIC, WAITING, StoreLog, record
from lineproof.signals.store_queue import Kind, Message, MessageQueue
from lineproof.signals.store_settings import StoreSettings

posix = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


def result(seq: int, session: int = 1, size: int = 0) -> Message:
    return Message(Kind.RESULT, session, seq, b'{"seq":%d,"is_historical":false}' % seq + b" " * size)


def state(number: int) -> Message:
    return Message(Kind.STATE, 1, 0, b'{"state":%d}' % number)


def store(folder: Path | None = None, **changes: object) -> StoreForward:
    return StoreForward(StoreSettings(folder=folder, **changes))


def seqs(folder: Path) -> list[int]:
    """What waits on the disk."""
    log = StoreLog(folder)
    found = [seq for (_, seq), _ in log.take_waiting()]
    log.close()
    return found


def drain(of: StoreForward) -> list[int]:
    """Confirm everything; what a wire would have sent."""
    sent = []
    while batch := of.take(7):
        for handed in batch:
            sent.append(handed.message.seq)
            of.confirm(handed)
    return sent


# Order and bounds


def test_first_in_first_out_states_and_results_alike():
    queue = MessageQueue(100, 10**6)
    messages = [result(1), state(1), state(2), result(2), state(3)]
    for message in messages:
        assert queue.add(message) == []
    assert [handed.message for handed in queue.take(2)] == messages[:2]
    queue.put_back()
    assert [handed.message for handed in queue.take(9)] == messages


@given(st.lists(st.sampled_from(["state", "result", "take", "confirm", "put_back"]), max_size=80))
def test_a_result_is_never_dropped_while_a_state_waits(steps):
    queue, hands, held, dropped = MessageQueue(5, 10**6), [], [], []
    added = 0
    for number, step in enumerate(steps, 1):
        out = []
        if step in ("state", "result"):
            added += 1
            message = state(number) if step == "state" else result(number)
            held.append(message)
            out = queue.add(message)
        elif step == "take":
            hands += queue.take(2)
        elif step == "confirm" and hands:
            held.remove(queue.remove(hands.pop(0)))
            added -= 1
        elif step == "put_back":
            hands = []
            out = queue.put_back()
        for message in out:
            waiting = [item for item in held if item not in [handed.message for handed in hands]]
            assert message == next((item for item in waiting if item.kind is Kind.STATE), waiting[0])
            held.remove(message)
        dropped += out
        assert len(queue) == len(held) == added - len(dropped)
        assert len(queue) <= 5 or len(queue) == len(hands)
        assert queue.bytes == sum(len(message.payload) for message in held)


def test_every_drop_is_counted():
    with_bound = store(messages=100)
    for number in range(1, 151):
        with_bound.offer(state(number))
    for seq in range(1, 131):
        with_bound.offer(result(seq))
    health = with_bound.health()
    assert (health.dropped_states, health.dropped_results) == (150, 30)
    assert (health.waiting_states, health.waiting_results) == (0, 100)
    assert drain(with_bound) == list(range(31, 131))


def test_bytes_are_bounded_too():
    with_bound = store(megabytes=1)
    for seq in range(1, 21):
        with_bound.offer(result(seq, size=100_000))
    assert with_bound.health().dropped_results == 11
    assert drain(with_bound) == list(range(12, 21))


def test_a_message_that_no_file_could_hold_is_an_error():
    with pytest.raises(SignalError, match="too large – shorten the part id"):
        store().offer(result(1, size=store_log.MAX_MESSAGE_BYTES))


def test_a_key_is_taken_once():
    some = store()
    assert some.offer(result(1))
    assert not some.offer(result(1))
    assert some.offer(result(1, session=2))
    assert drain(some) == [1, 1]
    assert not some.offer(result(1))
    assert drain(some) == []


def test_remembered_keys_are_bounded(monkeypatch):
    monkeypatch.setattr(store_forward, "REMEMBERED", 10)
    some = store(messages=100)
    for seq in range(1, 1000):
        some.offer(result(seq))
    assert len(some._keys) == 110
    assert not some.offer(result(999))


def test_what_was_sent_or_came_before_a_mark_is_historical():
    some = store()
    some.offer(result(1))
    assert [handed.is_historical for handed in some.take(1)] == [False]
    some.put_back()
    some.mark_historical()
    some.offer(result(2))
    handed = some.take(2)
    assert [item.is_historical for item in handed] == [True, False]
    assert [json.loads(item.payload)["is_historical"] for item in handed] == [True, False]


def test_after_close_nothing_is_taken_and_the_loss_is_counted():
    some = store()
    some.offer(result(1))
    some.offer(state(1))
    some.close()
    some.close()
    assert (some.health().dropped_results, some.health().dropped_states) == (1, 1)
    with pytest.raises(SignalError, match="closed"):
        some.offer(result(2))


# The disk


def test_results_wait_over_a_restart_and_states_do_not(tmp_path):
    first = store(tmp_path)
    for seq in (1, 2, 3):
        first.offer(result(seq))
    first.offer(state(1))
    assert first.flush(5)
    first.confirm(first.take(1)[0])
    first.close()
    assert first.health().dropped_results == 0
    second = store(tmp_path)
    assert not second.offer(result(2))
    second.offer(result(4))
    handed = second.take(9)
    assert [(item.message.seq, item.is_historical) for item in handed] == [(2, True), (3, True), (4, False)]
    assert handed[0].message == result(2)
    second.close()
    assert seqs(tmp_path) == [2, 3, 4]


def test_what_is_confirmed_at_once_never_touches_the_disk(tmp_path):
    some = store(tmp_path)
    for seq in range(1, 50):
        some.offer(result(seq))
        some.confirm(some.take(1)[0])
    assert some.flush(5)
    some.close()
    assert not (tmp_path / "waiting.log").exists()


def test_the_file_is_compacted(tmp_path, monkeypatch):
    monkeypatch.setattr(store_forward, "COMPACT_BYTES", 2000)
    monkeypatch.setattr(store_forward, "GATHER_S", 0.0)
    some = store(tmp_path)
    sizes = []
    for seq in range(1, 100):
        some.offer(result(seq))
        assert some.flush(5)
        some.confirm(some.take(1)[0])
        assert some.flush(5)
        sizes.append((tmp_path / "waiting.log").stat().st_size)
    some.close()
    assert max(sizes) < 2200
    assert seqs(tmp_path) == []


def test_a_loaded_file_obeys_the_bound(tmp_path):
    first = store(tmp_path)
    for seq in range(1, 151):
        first.offer(result(seq))
    first.close()
    second = store(tmp_path, messages=100)
    assert second.health().dropped_results == 50
    second.close()
    assert seqs(tmp_path) == list(range(51, 151))


def test_one_wire_per_folder(tmp_path):
    first = store(tmp_path)
    with pytest.raises(SignalError, match=r"another process or wire .* – one store\.folder each"):
        store(tmp_path)
    first.close()
    store(tmp_path).close()


def test_a_file_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "waiting.log").write_text("my notes")
    with pytest.raises(SignalError, match="not a store of results – move it away"):
        store(tmp_path)
    assert (tmp_path / "waiting.log").read_text() == "my notes"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_folder_that_cannot_be_used_is_one_clear_line():
    with pytest.raises(SignalError, match=r"/dev/full/store: cannot be used \(Not a directory\) – check store\.folder"):
        store(Path("/dev/full/store"))


def file_of(*records: bytes) -> bytes:
    return MAGIC + b"".join(records)


RECORDS = [record(WAITING, (1, seq), result(seq).payload) for seq in (1, 2, 3)]


@pytest.mark.parametrize("cut", range(len(RECORDS[2])))
def test_a_torn_tail_is_ignored(tmp_path, cut):
    (tmp_path / "waiting.log").write_bytes(file_of(*RECORDS)[: len(file_of(*RECORDS[:2])) + cut])
    some = store(tmp_path)
    assert some.health().unread_bytes == cut
    assert drain(some) == [1, 2]
    some.offer(result(4))
    some.close()
    assert seqs(tmp_path) == [4]


@given(st.integers(len(MAGIC), len(file_of(*RECORDS)) - 1), st.integers(0, 7))
def test_no_flipped_bit_makes_a_result(tmp_path_factory, place, bit):
    folder = tmp_path_factory.mktemp("flipped")
    data = bytearray(file_of(*RECORDS))
    data[place] ^= 1 << bit
    (folder / "waiting.log").write_bytes(data)
    log = StoreLog(folder)
    damaged = next(number for number in (0, 1, 2) if place < len(file_of(*RECORDS[: number + 1])))
    assert log.take_waiting() == [((1, seq), result(seq).payload) for seq in range(1, damaged + 1)]
    assert log.unread_bytes > 0
    log.close()


def test_zeros_at_the_end_are_no_records(tmp_path):
    (tmp_path / "waiting.log").write_bytes(file_of(*RECORDS, record(DONE, (1, 2))) + bytes(4096))
    assert seqs(tmp_path) == [1, 3]


# Failures of single calls


CALLS = [(os, "write"), (os, "fsync"), (os, "open"), (Path, "replace"), (Path, "chmod")]


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("when", range(1, 6))
@pytest.mark.parametrize(("owner", "name"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_failed_call_costs_nothing_but_time(tmp_path, monkeypatch, owner, name, when, kind):
    """The k-th call fails, half done where it can be; the disk then recovers and has everything."""
    monkeypatch.setattr(store_forward, "GATHER_S", 0.0)
    monkeypatch.setattr(store_forward, "FIRST_PAUSE_S", 0.001)
    real, calls, failed = getattr(owner, name), [], []

    def failing(*args, **options):
        if threading.current_thread().name != "store":
            return real(*args, **options)
        calls.append(name)
        if len(calls) == when:
            failed.append(name)
            if name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            raise OSError(kind, os.strerror(kind))
        return real(*args, **options)

    some = store(tmp_path)
    monkeypatch.setattr(owner, name, failing)
    for seq in range(1, 7):
        some.offer(result(seq))
        assert some.flush(5)
        if seq == 4:
            some.confirm(some.take(1)[0])
            assert some.flush(5)
    monkeypatch.undo()
    health = some.health()
    assert health.failures == len(failed)
    assert (health.waiting_results, health.stored) == (5, 5)
    assert bool(health.last_error) == bool(failed)
    some.close()
    assert seqs(tmp_path) == [2, 3, 4, 5, 6]
    assert not list(tmp_path.glob("*.part"))


def test_a_disk_that_takes_nothing_keeps_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(store_forward, "FIRST_PAUSE_S", 0.001)
    some = store(tmp_path)
    some.offer(result(1))
    assert some.flush(5)

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(store_log.atomic, "write_bytes", full)
    for seq in (2, 3):
        some.offer(result(seq))
    assert not some.flush(0.2)
    assert some.health().last_error == "the store of results: No space left on device"
    some.close()
    assert some.health().dropped_results == 2  # the first is in the file
    monkeypatch.undo()
    assert seqs(tmp_path) == [1]


# Kills

# Imports once; forks a process that offers, confirms and says what is surely stored, and ends it at any moment.
PROGRAM = """
import json, os, random, signal, sys, threading
from pathlib import Path
from lineproof.signals import store_forward
from lineproof.signals.store_forward import StoreForward
from lineproof.signals.store_queue import Kind, Message
from lineproof.signals.store_settings import StoreSettings

folder, mode = Path(sys.argv[1]), sys.argv[2]
store_forward.GATHER_S = 0.0005
store_forward.COMPACT_BYTES = 3000

def work(turn, say):
    some = StoreForward(StoreSettings(folder=folder))
    for seq in range(1, 400):
        some.offer(Message(Kind.RESULT, turn, seq, b'{"turn":%d,"seq":%d}' % (turn, seq)))
        if seq % 3 == 0:
            for handed in some.take(2):
                os.write(say, b"sent %d %d;" % (handed.message.session, handed.message.seq))
                some.confirm(handed)
        if seq % 5 == 0 and some.flush(5):
            os.write(say, b"stored %d %d;" % (turn, seq))
    os._exit(0)

def kill_at(owner, name, when, half):
    real, calls = getattr(owner, name), [0]
    def dying(*args, **options):
        if threading.current_thread().name == "store":
            calls[0] += 1
            if calls[0] == when:
                if half:
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    setattr(owner, name, dying)

points = [(None, "", 0, False)] * 50 if mode == "random" else [
    point for when in range(1, 8) for point in (
        (os, "write", when, True), (os, "write", when, False), (os, "fsync", when, False),
        (Path, "replace", when, False), (os, "close", when, False), (os, "open", when, False))]
random.seed(1)
must, sent, landed = set(), set(), 0
for turn, (owner, name, when, half) in enumerate(points, 1):
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        if owner is None:
            threading.Timer(random.uniform(0.0, 0.05), os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            kill_at(owner, name, when, half)
        work(turn, say)
    os.close(say)
    with os.fdopen(hear) as pipe:
        words = pipe.read()
    landed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    for word, session, seq in (item.split() for item in words.split(";")[:-1]):
        if word == "sent":
            sent.add((int(session), int(seq)))
        else:
            must |= {(turn, number) for number in range(1, int(seq) + 1)}
    some = StoreForward(StoreSettings(folder=folder))
    found = {}
    for handed in some.take(100_000):
        found[handed.message.session, handed.message.seq] = handed
        assert json.loads(handed.message.payload) == {"turn": handed.message.session, "seq": handed.message.seq}
        assert handed.is_historical
    missing = must - sent - set(found)
    assert not missing, (turn, owner, name, when, sorted(missing)[:5])
    for key, handed in found.items():  # a third is published between two lives
        if key[1] % 3 == 0:
            some.confirm(handed)
            sent.add(key)
    some.close()
print(json.dumps({"points": len(points), "landed": landed, "must": len(must), "sent": len(sent)}))
"""


@posix
@pytest.mark.parametrize("mode", ["random", "each call"])
def test_what_was_stored_survives_kill_nine(tmp_path, mode):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), mode], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["landed"] >= figures["points"] * 0.5
    assert figures["must"] > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["waiting.lock", "waiting.log"]


def test_offering_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    real = os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(0.3)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    some = store(tmp_path)
    took_s = []
    for seq in range(1, 200):
        begin_s = time.perf_counter()
        some.offer(result(seq))
        took_s.append(time.perf_counter() - begin_s)
        time.sleep(0.001)
    assert sorted(took_s)[len(took_s) // 2] < 0.005  # an fsync takes 300 ms
    assert some.flush(5)
    some.close()
