"""The story, step by step; every step is a command that a user could have typed in the same folder."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineproof.atomic import write_json, write_text
from lineproof.cli.output import messages
from lineproof.errors import InputError, LineproofError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "demo.json"  # a folder with this file in it is ours to replace
RATE_HZ = 10.0
DEADLINE_MS = 500.0

LINE_FILE = f"""\
# The line of the demo: held-out parts pass the camera, {RATE_HZ:g} a second, and each is answered within {DEADLINE_MS:g} ms.
name: demo
bundle: run/bundle
require_proof: true
source: {{ kind: folder, path: parts/images, only: held-out.txt, rate_hz: {RATE_HZ:g}, shuffle_seed: 1, name: camera-1 }}
line: {{ trigger: each_frame, deadline_ms: {DEADLINE_MS:g} }}
records: {{ folder: records, images: {{ pass_every: 10, format: jpeg }} }}
"""


@dataclass
class Step:
    """One chapter: what it was for, what was typed, how long it took."""

    title: str
    commands: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Told:
    """The story as it happened; everything the report needs."""

    out: Path
    steps: list[Step] = field(default_factory=list)
    evaluation: dict[str, Any] = field(default_factory=dict)
    line: dict[str, Any] = field(default_factory=dict)
    held_out: list[str] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)  # answers of `inspect`
    http: list[tuple[str, str]] = field(default_factory=list)  # request line, response JSON

    @property
    def total_s(self) -> float:
        """Seconds from the first step to the last."""
        return sum(step.seconds for step in self.steps)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce a chapter and time it."""
        number = len(self.steps) + 1
        messages.print()
        messages.rule(f"[bold]{number}. {title}", align="left")
        step, started = Step(title), time.monotonic()
        self.steps.append(step)
        yield step
        step.seconds = time.monotonic() - started

    def verb(self, step: Step, *argv: str, keep: bool = False) -> str:
        """Run one verb in the folder as a user would; with `keep` its answer is returned instead of shown."""
        step.commands.append(_shown(argv))
        messages.print(f"[dim]$ {step.commands[-1]}", markup=True, soft_wrap=True)
        done = subprocess.run(
            [sys.executable, "-m", "lineproof", *argv],
            cwd=self.out,
            stdout=subprocess.PIPE if keep else None,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StepFailed(f"{step.commands[-1]} ended with exit code {done.returncode}", hint=f"in {self.out}")
        return done.stdout or ""


def _shown(argv: tuple[str, ...]) -> str:
    """The command as one would type it: of a long list of pictures the first, and an ellipsis."""
    pictures = [word for word in argv if word.endswith(".png") and "/images/" in word]
    left_out = set(pictures[1:])
    words = [word for word in argv if word not in left_out]
    text = shlex.join(["lineproof", *words])
    return text.replace(pictures[0], f"{pictures[0]} …", 1) if left_out else text


class StepFailed(LineproofError):
    """A verb of the story failed; its own message stands above."""


def tell(out: Path, *, parts: int, epochs: int | None, seed: int) -> Told:
    """From nothing to decisions over HTTP."""
    _take(out)
    told = Told(out)
    _draw_and_check(told, parts, seed)
    _adapt(told, epochs)
    _prove(told)
    _run_line(told)
    _serve(told)
    write_json(out / MARKER, {"steps": [vars(step) for step in told.steps], "seconds": told.total_s})
    return told


def _take(out: Path) -> None:
    """An empty folder, or the one of an earlier demo; anything else is somebody's work."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder", hint="choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARKER).exists():
            raise InputError(f"{out} is not empty and not from an earlier demo", hint="choose another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / MARKER, {})


def _draw_and_check(told: Told, parts: int, seed: int) -> None:
    with told.step("Parts: drawn, checked, split so that no part stands on both sides") as step:
        told.verb(step, "data", "synth", "--out", "parts", "-n", str(parts), "--seed", str(seed))
        told.verb(step, "data", "check", "parts")
        told.verb(step, "data", "split", "parts", "--val", "0.2", "--test", "0.3", "--seed", "0")
        told.verb(step, "data", "show", "parts", "--out", "parts.png", "--n", "20")
        told.verb(step, "data", "stats", "parts", "--out", "stats.png")


def _adapt(told: Told, epochs: int | None) -> None:
    with told.step("Adapt: fine-tune the shipped YOLOv8 base, export, prove parity, seal") as step:
        length = [] if epochs is None else ["--epochs", str(epochs)]
        told.verb(step, "train", "parts", "--out", "run", "--base", "lineproof-n", "--recipe", "demo", *length)
        told.verb(step, "bundle", "verify", "run/bundle")


def _prove(told: Told) -> None:
    _write_line(told)
    with told.step("Prove: parts that training never saw, through the sealed bundle") as step:
        told.verb(step, "evaluate", "run/bundle", "parts", "--split", "test", "--out", "evaluation.json")
        told.verb(step, "prove", "run/bundle", "parts", "--line", "line.yaml", "--out", "proof")
    told.evaluation = json.loads((told.out / "evaluation.json").read_text("utf-8"))


def _write_line(told: Told) -> None:
    from lineproof.data.dataset import open_dataset

    data = open_dataset(told.out / "parts")
    told.held_out = [data.name_of(sample) for sample in data.samples if sample.split == "test"]
    write_text(told.out / "held-out.txt", "\n".join(told.held_out) + "\n")
    write_text(told.out / "line.yaml", LINE_FILE)


def _run_line(told: Told) -> None:
    from lineproof.cli.summary import summary_text

    with told.step(f"Run: the camera loop, {RATE_HZ:g} parts a second") as step:
        told.line = json.loads(told.verb(step, "run", "line.yaml", "--truth", "parts", "--json", keep=True))
        messages.print(summary_text(told.line), markup=False)
        told.verb(step, "records", "show", "records", "--last", "5")
        images = [f"parts/images/{name}" for name in told.held_out[:24]]
        answer = told.verb(step, "inspect", "run/bundle", *images, "--out", "decisions", "--json", keep=True)
        told.decisions = json.loads(answer)["inspections"]


def _serve(told: Told) -> None:
    from lineproof.cli.demo.service import ask, serving

    with told.step("Serve: the same inspector over HTTP") as step, serving(told.out, "line.yaml", step.commands) as url:
        for name in told.held_out[:3]:
            request = f"POST {url}/v1/inspect?part_id={Path(name).stem}"
            messages.print(
                f"[dim]$ curl --data-binary @parts/images/{name} '{request.removeprefix('POST ')}'", soft_wrap=True
            )
            answer = ask(request.removeprefix("POST "), (told.out / "parts" / "images" / name).read_bytes())
            told.http.append((request, json.dumps(answer, indent=1)))
            messages.print(
                f"  {answer['decision']}  {'; '.join(reason['text'] for reason in answer['reasons'])}", markup=False
            )
