"""The fault list as a table: what was injected, what was seen, how soon a part was inspected again, and what was not tried.

Its figures come from the campaigns' own results; what is exercised by tests alone names them. Writes docs/faults.md.

    python tests/benchmarks/fault_table.py
"""

from __future__ import annotations

import json
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
RESULTS = REPO / "tests" / "benchmarks" / "results"
SIMULATED, LIVE = "sim_all_faults_2026-11-26.json", "sim_live_tile_2026-11-26.json"
PAGE = REPO / "docs" / "faults.md"

# number, fault, how it is made, what must be seen, and the tests or scripts that look
TESTED = [
    (
        "R-01",
        "camera unplugged",
        "a fake GigE camera and an MJPEG server killed",
        "lost within stall_s, fresh handle",
        "tests/sources/test_capture.py",
    ),
    (
        "R-05",
        "truncated or damaged frame",
        "pylon's failed buffers; MJPEG cut off",
        "FAULT of the part",
        "tests/sources/test_pylon.py, tests/sources/test_mjpeg.py",
    ),
    (
        "R-09",
        "two processes, one camera",
        "100 races of three processes, kill -9 of the owner",
        "exactly one owner",
        "tests/sources/test_lease.py",
    ),
    (
        "R-10",
        "disk full",
        "a full file system, a full reserve",
        "inspection goes on, storage is shown as degraded",
        "tests/records/test_full_disk.py",
    ),
    (
        "R-11",
        "slow disk",
        "writes held up",
        "decisions are not delayed, the backlog is bounded",
        "tests/records/test_journal.py",
    ),
    (
        "R-12",
        "kill -9 while writing",
        "506 kills, at random moments and before every call that changes a file",
        "nothing half-written, the chain verifies",
        "tests/benchmarks/record_kills.py",
    ),
    (
        "R-13",
        "power lost in a bundle swap",
        "kill before every call of the exchange",
        "the old bundle or the new one",
        "tests/benchmarks/record_kills.py",
    ),
    (
        "R-15",
        "corrupt bundle",
        "bytes changed, files missing or added",
        "refused before it is loaded",
        "tests/bundle/test_seal_and_open.py",
    ),
    (
        "R-17",
        "provider missing",
        "cuda asked for on a machine without",
        "not ready, never a quiet fallback",
        "tests/engine/test_providers.py",
    ),
    (
        "R-18",
        "engine killed",
        "SIGKILL of the inference process",
        "jobs named, restarted, probes replayed before ready",
        "tests/line/engine_room/test_replacing.py",
    ),
    (
        "R-19",
        "engine hangs",
        "SIGSTOP, an endless loop",
        "seen at hung_ms, killed, restarted within the budget",
        "tests/line/engine_room/test_replacing.py",
    ),
    (
        "R-20",
        "controller gone and back",
        "500 cut libmodbus clients, 500 killed OPC UA clients",
        "a new session, ready again",
        "tests/line/interop/test_disconnects.py",
    ),
    (
        "R-21",
        "MQTT broker down and back",
        "Mosquitto killed 500 times",
        "results once by their key, in order",
        "tests/line/interop/test_disconnects.py",
    ),
    (
        "R-25",
        "leaks",
        "a station that never rests",
        "memory, files and threads stay",
        "tests/benchmarks/station_soak.py",
    ),
    (
        "R-28",
        "known parts judged wrong, or overdue",
        "wrong verdicts on known parts; time and parts that pass",
        "ERROR and a fault that a person resets; nothing but known parts until all are right",
        "tests/line/station/test_challenge.py",
    ),
    (
        "R-29",
        "supervisor dies",
        "systemd's watchdog is fed by the decision loop",
        "restart by systemd",
        "tests/deploy/test_systemd.py",
    ),
]
NOT_TRIED = [
    ("R-05", "bit flips on a real GigE or USB3 link", "needs the link"),
    ("R-13", "real loss of power", "needs dm-log-writes or a switched socket"),
    ("R-14", "fsync that returns EIO on a real disk", "needs a failing device; strace is not everywhere"),
    ("R-16", "signed bundles", "bundles carry hashes, no signature yet"),
    (
        "R-18",
        "a GPU that is lost while a line runs",
        "made once on an H100 by itself (tests/benchmarks/gpu_faults.py), not in a line",
    ),
    ("–", "GPIO on real hardware", "tried on a chip that the kernel simulates, in a virtual machine"),
]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """The whole page in Markdown."""
    simulated = json.loads((RESULTS / SIMULATED).read_text("utf-8"))
    live = json.loads((RESULTS / LIVE).read_text("utf-8"))
    bad = simulated["bad_ejected"] + len(simulated["wrong_pass"])
    lines = [
        "# Faults, and what the line did",
        "",
        (
            "Written by `tests/benchmarks/fault_table.py` from the results of the campaigns; times are milliseconds until a part was "
            "inspected again, the longest seen, the wait for the next part included."
        ),
        "",
        "## In simulated time",
        "",
        (
            f"`lineproof sim --scenario all-faults`: {simulated['parts']:,} parts, {bad:,} of them bad, "
            f"{len(simulated['wrong_pass'])} wrong PASS: at most {3 / bad:.1e} with 95 % confidence (rule of three)."
        ),
        "",
        *_table(
            ("", "fault", "done", "safe behaviour", "answers seen", "wrong PASS", "back in"),
            _rows(simulated, "injected"),
        ),
        "",
        "## On the real line",
        "",
        (
            f"`lineproof sim LINE.yaml --scenario live-faults`: two cameras with magnetic tiles, real processes and Modbus TCP; "
            f"{live['parts']} parts, {len(live['wrong_pass'])} wrong PASS, {len(live['answered_twice'])} answered twice. Two cores under a "
            "load of 6 to 13: every time is an upper bound."
        ),
        "",
        *_table(("", "fault", "done", "safe behaviour", "answers seen", "wrong PASS", "back in"), _rows(live, "done")),
        "",
        "## By tests and scripts of their own",
        "",
        *_table(
            ("", "fault", "made by", "safe behaviour", "where"), [(n, f, m, s, f"`{w}`") for n, f, m, s, w in TESTED]
        ),
        "",
        "## Not exercised",
        "",
        *_table(("", "fault", "why"), NOT_TRIED),
        "",
    ]
    return "\n".join(lines)


def _rows(facts: dict, count: str) -> list[tuple[str, ...]]:
    rows = []
    for name, one in sorted(facts["faults"].items(), key=lambda item: item[1]["number"]):
        answers = ", ".join(f"{n} {outcome}" for outcome, n in one["answers"].items()) or "none in time"
        back = one["inspected_again_within_ms"]
        rows.append(
            (
                one["number"],
                name.replace("_", " "),
                str(one[count]),
                one["safe_behaviour"],
                answers,
                str(one["wrong_pass"]),
                f"{back:.0f}" if back else "–",
            )
        )
    return rows


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


if __name__ == "__main__":
    main()
