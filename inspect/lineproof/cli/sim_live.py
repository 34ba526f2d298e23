"""`lineproof sim LINE.yaml`: a controller and a conveyor against the real line, in real time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineproof.cli.output import messages

if TYPE_CHECKING:
    from lineproof.linefile import LineFile
    from lineproof.records.model import InspectionRow
    from lineproof.records.settings import RecordSettings
    from lineproof.sim.live.oracle import IsGood
    from lineproof.sim.live.plan import Plan
    from lineproof.sim.live.report import Kept, Result
    from lineproof.sim.scenario import Scenario

PARTS = 200
FAULTY = "live-faults"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    scenario: Scenario
    parts: int
    pitch_ms: float | None
    truth: Path | None
    replay: bool | None  # None: where it takes no longer than the campaign


def play(path: Path, wish: Wish) -> Result:
    """Start the line, be its controllers, end it, and hold its records against what the controllers did.

    Raises:
        SettingsError: a line file that nobody can play against.
        GateError: the line did not start.
    """
    from lineproof.records.read import open_records
    from lineproof.sim.live.campaign import Campaign
    from lineproof.sim.live.evidence import last_sequence, rows_after
    from lineproof.sim.live.oracle import judge
    from lineproof.sim.live.process import LineProcess
    from lineproof.sim.live.report import Result

    settings, plan, not_driven = _plan(path, wish)
    store = _records_of(path, settings)
    is_good = None if wish.truth is None else _truth(wish.truth)
    command = [sys.executable, "-m", "lineproof", "run", str(path), "--quiet", "--json"]
    line = LineProcess(command)
    with _progress(wish.parts * len(plan.stations)) as progress, Campaign(plan, line, progress) as campaign:
        campaign.get_ready()
        before = last_sequence(open_records(store.folder, store.url))  # the line has made its tables by now
        played = campaign.run()
    rows = list(rows_after(open_records(store.folder, store.url), before))
    judged = judge(plan, played, rows, is_good)
    kept = _kept(path, store, rows, replay=wish.parts <= PARTS if wish.replay is None else wish.replay)
    return Result(settings.name, plan, played, judged, kept, not_driven)


def provenance(path: Path) -> dict[str, Any]:
    """What the figures belong to: the bundle, the machine, the versions; no path of this machine."""
    from lineproof.bench.machine import machine, versions
    from lineproof.bundle.open import open_bundle
    from lineproof.linefile import line_digest, load_line

    bundle = open_bundle(load_line(path).bundle)
    manifest = bundle.manifest
    return {
        "machine": machine(),
        "versions": versions(),
        "bundle": {
            "name": manifest.name,
            "digest": bundle.digest,
            "task": manifest.task,
            "input": [manifest.input.width, manifest.input.height],
        },
        "line_digest": line_digest(path),
    }


def _plan(path: Path, wish: Wish) -> tuple[LineFile, Plan, dict[str, str]]:
    from lineproof.errors import SettingsError
    from lineproof.linefile import load_line
    from lineproof.sim.live.plan import Plan, driven

    settings = load_line(path)
    if settings.io.modbus is None:
        raise SettingsError(f"{path}: no `io.modbus`", hint="a controller is played over Modbus TCP: add it")
    can, cannot = driven(settings.stations, str(path))
    pitch_ms = wish.scenario.timing.pitch if wish.pitch_ms is None else wish.pitch_ms
    plan = Plan(can, settings.io.modbus, wish.scenario, wish.parts, pitch_ms, settings.line.restarts)
    return settings, plan, cannot


def _records_of(path: Path, settings: LineFile) -> RecordSettings:
    from lineproof.errors import SettingsError

    if settings.records is None:
        raise SettingsError(
            f"{path}: no `records`",
            hint="what was let through is held against them: add e.g. records: {folder: records}",
        )
    return settings.records


def _truth(dataset: Path) -> IsGood:
    from lineproof.data.dataset import open_dataset
    from lineproof.sim.live.truth import Truth

    data = open_dataset(dataset)
    return Truth({data.name_of(sample): sample.ok for sample in data.samples}).is_good


def _kept(path: Path, store: RecordSettings, rows: Sequence[InspectionRow], *, replay: bool) -> Kept:
    from lineproof.records.read import open_records
    from lineproof.records.verify import verify
    from lineproof.sim.live.evidence import replayable
    from lineproof.sim.live.report import Kept

    found = verify(open_records(store.folder, store.url))
    damages = tuple(f"{damage.what}: {damage.why}" for damage in found.damages)
    images = sum(row.image_path is not None for row in rows)
    if not replay:
        return Kept(len(rows), images, damages)
    numbers = replayable(rows)
    return Kept(len(rows), images, damages, len(numbers), _replayed_otherwise(path, store, numbers))


def _replayed_otherwise(path: Path, store: RecordSettings, numbers: Sequence[int]) -> tuple[str, ...]:
    """The kept pictures through `lineproof records replay`, as anybody would; the rows that are not the same."""
    if not numbers:
        return ()
    command = [sys.executable, "-m", "lineproof", "records", "replay", str(store.folder), *map(str, numbers)]
    command += ["--line", str(path), "--json"]
    command += [] if store.url is None else ["--url", store.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 – our own verb
    if not done.stdout:
        return (done.stderr.strip().removeprefix("lineproof: "),)
    replays = json.loads(done.stdout)["replays"]
    return tuple(f"row {one['sequence']} (part {one['part_id']})" for one in replays if not one["same"])


@contextmanager
def _progress(parts: int) -> Iterator[Callable[[int, str], None]]:
    if not messages.is_terminal:
        yield lambda _parts, _fault: None
        return
    from rich.progress import Progress

    with Progress(console=messages, transient=True) as bar:
        task = bar.add_task("the line starts", total=parts)
        yield lambda done, fault: bar.update(task, completed=done, description=fault.replace("_", " ") or "parts")
