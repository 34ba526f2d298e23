"""What a comparison is made of, fixed in `compare.json`: the same folder goes on only as it was begun."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from lineproof import __version__
from lineproof.adapt.ladder.candidate import Candidate, TrialSpec, thirdings
from lineproof.adapt.ladder.halving import Round, plan_rounds, why_one_round
from lineproof.adapt.run_folder import split_hash
from lineproof.atomic import write_json
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.errors import InputError
from lineproof.settings import StrictModel

PLAN = "compare.json"


class Plan(StrictModel):
    """The content of `compare.json`: what decides which trials there are and what each of them learns."""

    schema_version: Literal[1] = Field(default=1, description="of this file")
    kind: Literal["compare", "ablate"] = Field(default="compare", description="what it is for")
    lineproof: str = Field(default=__version__, description="version that began it")
    dataset: str = Field(description="folder of the dataset")
    dataset_hash: str = Field(description="content hash of the dataset")
    split_hash: str = Field(description="which image is in which split")
    candidates: tuple[Candidate, ...] = Field(description="what is compared")
    seeds: tuple[int, ...] = Field(min_length=1, description="each candidate of the last round is trained with each")
    rounds: int = Field(default=1, ge=1, le=8, description="of successive halving, at most; 1: everyone in full")
    device: str = Field(default="auto", description="auto, cpu, cuda, …")

    def planned_rounds(self) -> tuple[Round, ...]:
        """Its rounds, as many as the shortest recipe allows and as save anything."""
        return plan_rounds(
            self.rounds, thirdings=self._thirdings, candidates=len(self.candidates), seeds=len(self.seeds)
        )

    @property
    def why_not_halved(self) -> str | None:
        """For people, where halving was asked for and is not worth it."""
        if self.rounds == 1 or len(self.planned_rounds()) > 1:
            return None
        return why_one_round(thirdings=self._thirdings, candidates=len(self.candidates))

    @property
    def _thirdings(self) -> int:
        return min(thirdings(candidate.recipe) for candidate in self.candidates)

    def spec(self, out: Path, key: str, seed: int, share: float, *, last: bool) -> TrialSpec:
        """One trial of a candidate."""
        candidate = next(c for c in self.candidates if c.key == key)
        return TrialSpec(
            candidate=candidate,
            seed=seed,
            share=share,
            last=last,
            data=self.dataset,
            dataset_hash=self.dataset_hash,
            split_hash=self.split_hash,
            folder=str(trial_folder(out, key, seed, share)),
            device=self.device,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Of time and speed; they may differ from one sitting to the next."""

    minutes: float | None = None  # of this sitting: no trial starts after them
    latency_ms: float | None = None  # median, image to detections, through the runtime engine


def trial_folder(out: Path, key: str, seed: int, share: float) -> Path:
    """Where a trial leaves its files."""
    return out / "trials" / f"{key}-s{seed}-1of{round(1 / share)}"


def make_plan(
    dataset: Dataset,
    candidates: tuple[Candidate, ...],
    seeds: tuple[int, ...],
    *,
    rounds: int,
    device: str,
    kind: Literal["compare", "ablate"] = "compare",
) -> Plan:
    """A plan on a dataset with training and validation images.

    Raises:
        InputError: fewer than two candidates, or a seed twice.
        DatasetError: no training or no validation split.
    """
    for split in ("train", "val"):
        samples_of(dataset, split)
    if len(candidates) < 2:
        have = ", ".join(candidate.label for candidate in candidates) or "none"
        raise InputError(
            f"nothing to compare: {len(candidates)} candidate ({have})", hint="more --rungs, --bases or --imgsz"
        )
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {','.join(map(str, seeds))}: one twice", hint="--seeds 0,1,2")
    return Plan(
        kind=kind,
        dataset=str(dataset.root),
        dataset_hash=dataset.content_hash,
        split_hash=split_hash(dataset),
        candidates=candidates,
        seeds=seeds,
        rounds=rounds,
        device=device,
    )


def settle(out: Path, plan: Plan) -> bool:
    """Write the plan into a fresh folder, or find the same one there; True when the folder goes on.

    Raises:
        InputError: the folder holds something else, or a comparison of other data or settings; names what differs.
    """
    path = out / PLAN
    if not path.is_file():
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise InputError(f"{out}: is there already, and holds no comparison", hint="choose another --out")
        write_json(path, plan.model_dump(mode="json"))
        return False
    begun = read_plan(out)
    if (begun.dataset_hash, begun.split_hash) != (plan.dataset_hash, plan.split_hash):
        raise InputError(
            f"{out}: began with other data (content hash {short_hash(begun.dataset_hash)}, now {short_hash(plan.dataset_hash)}, "
            f"split {'the same' if begun.split_hash == plan.split_hash else 'made anew'})",
            hint="choose another --out",
        )
    differing = _differing(begun, plan)
    if differing:
        raise InputError(f"{out}: began with other settings: {', '.join(differing)}", hint="choose another --out")
    return True


def read_plan(out: Path) -> Plan:
    """The plan of a folder; raises InputError when there is none, or a damaged one."""
    path = out / PLAN
    try:
        return Plan.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{out}: no comparison (no {PLAN})", hint="begin it without --resume") from None
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        what = str(error).splitlines()[0]
        raise InputError(f"{path}: not the plan of a comparison ({what})", hint="choose another --out") from None


def _differing(begun: Plan, plan: Plan) -> list[str]:
    """What changed, in words."""
    words = []
    for name in ("kind", "seeds", "rounds", "device", "lineproof"):
        was, now = getattr(begun, name), getattr(plan, name)
        if was != now:
            words.append(f"{name} {_short(was)} → {_short(now)}")
    was_keys, now_keys = ({c.key: c for c in p.candidates} for p in (begun, plan))
    words += [f"without {key}" for key in was_keys if key not in now_keys]
    words += [f"with {key}" for key in now_keys if key not in was_keys]
    words += [f"recipe of {key}" for key in was_keys if key in now_keys and was_keys[key] != now_keys[key]]
    return words[:4] + (["…"] if len(words) > 4 else [])


def short_hash(digest: str) -> str:
    """As much of it as a person compares."""
    return digest.removeprefix("sha256:")[:12]


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
