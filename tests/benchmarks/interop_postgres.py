"""Records on PostgreSQL: the journal's connection is ended by the server, and the server dies and comes back, under parts.

`pg_terminate_backend` for most of the disconnects; for one in 25 the whole server goes down as `pg_ctl -m immediate` does
it. Decisions must not notice, and afterwards every part has exactly one row, in a chain that verifies.
"""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from interop_line import STATION, WARM_UP, Answers, Camera, Hand, handles, latencies_ms, running, spread_ms, wait_for

from lineproof.core import Image, Inspection
from lineproof.line.conduct.inbox import Inbox
from lineproof.records.cycle import Acknowledgement, Cycle
from lineproof.records.journal import Journal
from lineproof.records.read import open_records
from lineproof.records.settings import RecordSettings
from lineproof.records.verify import verify
from postgres_rig import START_S, programs, unprivileged

PERIOD_S = 0.02  # 50 parts a second
RESTART_EVERY = 25
END_JOURNAL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'journal'"


def missing() -> str:
    """Why there is no server; "" if there is one."""
    if programs() is None:
        return "PostgreSQL is not installed (Debian package `postgresql`)"
    return "" if importlib.util.find_spec("psycopg") else "psycopg is not installed (the extra `postgres`)"


class Server:
    """A cluster in a folder, on a socket in it, that may die and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._as = unprivileged()
        folder.mkdir()
        if self._as:
            folder.parent.chmod(0o755)  # the server's user passes through it
            os.chown(folder, self._as["user"], self._as["group"])
        self._run("initdb", "-D", folder / "data", "-U", "line", "--auth=trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", folder, "-U", "line", "records")
        self.url = f"postgresql+psycopg://line@/records?host={folder}&application_name=journal"

    def start(self) -> None:
        """Up when it accepts connections; raises RuntimeError with its log when it does not."""
        log = self.folder / "log"
        command = [programs() / "postgres", "-D", self.folder / "data", "-k", self.folder]
        options = ("listen_addresses=", "shared_buffers=16MB")
        command += [word for option in options for word in ("-c", option)]
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder, **self._as)
        end_s = time.monotonic() + START_S
        while "ready to accept" not in log.read_text():
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise RuntimeError(f"no server: {log.read_text()}")
            time.sleep(0.005)

    def die(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, every connection is cut."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_S)

    def end_journal(self) -> int:
        """Connections of the journal that were ended."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user="line", dbname="records", autocommit=True) as link:
            return int(link.execute(END_JOURNAL).fetchone()[0])

    def _run(self, program: str, *arguments: object) -> None:
        command = [programs() / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._as)


class WithoutPixels:
    """Rows alone: the images lie in a folder, and no server holds them up."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        del image
        self._journal.put(inspection, None, cycle)

    def acknowledge(self, receipt: Acknowledgement) -> None:
        self._journal.acknowledge(receipt)


def disconnects(times: int, folder: Path, port: int, chance: random.Random) -> dict[str, object]:
    """Break the journal's connection so often while parts are recorded; figures."""
    del port
    server = Server(folder / "pg")
    try:
        settings = RecordSettings(folder=folder / "records", url=server.url, retention={"min_free_gb": 0})
        answers = Answers()
        found = _under_parts(times, server, Journal.open(settings), answers, chance)
        return found | _kept(settings, answers)
    finally:
        server.die()


def _under_parts(
    times: int, server: Server, journal: Journal, answers: Answers, chance: random.Random
) -> dict[str, object]:
    inbox = Inbox()
    hand = Hand(PERIOD_S, inbox.wake)
    recovered_s: dict[str, list[float]] = {"connection": [], "server": []}
    recorders = [answers, WithoutPixels(journal)]
    with running({"hand": hand}, inbox, recorders, Camera(), commanding="hand") as conductor:
        hand.start()
        wait_for(
            lambda: len(answers.rows) >= max(2 * times, 3 * WARM_UP), 60 + times, "parts before the first disconnect"
        )
        undisturbed, before = len(answers.rows), handles()
        for number in range(1, times + 1):
            time.sleep(chance.uniform(0, 0.1))
            if number % RESTART_EVERY == 0:
                server.die()
                time.sleep(chance.uniform(0, 0.5))
                server.start()
                recovered_s["server"].append(_until_written(journal, answers))
            else:
                wait_for(server.end_journal, what="a connection of the journal")
                recovered_s["connection"].append(_until_written(journal, answers))
        after = handles()
        hand.stop()
        wait_for(lambda: conductor.posts[STATION].tally.parts == hand.triggers, what="the last answers")
    flushed = journal.flush(30)
    journal.close()
    health = journal.health()
    return {
        "peer": "PostgreSQL",
        "disconnects": times,
        "of_these_restarts_of_the_server": len(recovered_s["server"]),
        "connection_ended_to_rows_ms": spread_ms(recovered_s["connection"]),
        "server_up_to_rows_ms": spread_ms(recovered_s["server"]) if recovered_s["server"] else None,
        "trigger_to_answer_ms": latencies_ms(answers, undisturbed),
        "triggers": hand.triggers,
        **answers.figures(),
        "flushed": flushed,
        "dropped_rows": health.dropped_rows,
        "dropped_acknowledgements": health.dropped_acknowledgements,
        "failed_attempts": health.failures,
        "handles": [before, after],
    }


def _until_written(journal: Journal, answers: Answers) -> float:
    """Seconds until a part that was answered after this moment is in the database."""
    begun, answered = time.monotonic(), len(answers.rows)
    wait_for(lambda: journal.health().written > answered, 60, "rows to flow again")
    return time.monotonic() - begun


def _kept(settings: RecordSettings, answers: Answers) -> dict[str, object]:
    """What the database holds in the end, read by a fresh connection."""
    records = open_records(settings.folder, settings.url)
    rows = Counter((row.session, row.seq) for row in records.rows())
    checked = verify(records)
    records.engine.dispose()
    return {
        "rows": rows.total(),
        "rows_lost": len({row.key for row in answers.rows} - set(rows)),
        "rows_twice": sum(count > 1 for count in rows.values()),
        "chained": checked.chained,
        "damages": [f"{damage.what}: {damage.why}" for damage in checked.damages],
    }
