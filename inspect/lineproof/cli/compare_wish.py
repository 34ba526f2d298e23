"""What was asked of `lineproof compare`, checked and made a plan before anything trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lineproof.cli.lists import numbers, words
from lineproof.cli.output import messages
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.adapt.ladder.cost import Costs
    from lineproof.adapt.ladder.plan import Plan
    from lineproof.data.dataset import Dataset

_SETTINGS = (
    "rungs", "bases", "imgsz", "seeds", "task", "steps", "epochs", "minutes_each", "batch", "rounds", "no_halving",
    "ablate", "recipe",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CompareWish:
    """What decides which trials there are; fixed once the comparison has begun."""

    rungs: str | None
    bases: str | None
    imgsz: str | None
    seeds: str | None
    task: str | None
    steps: int | None
    epochs: int | None
    minutes: float | None
    minutes_each: float | None
    batch: int | None
    rounds: int | None
    no_halving: bool
    ablate: str | None
    recipe: str | None
    device: str
    workers: int | None

    def refuse_settings(self) -> None:
        """Raise InputError when anything was given that the first call has settled."""
        given = [f"--{name.replace('_', '-')}" for name in _SETTINGS if getattr(self, name) not in (None, False)]
        if given:
            raise InputError(f"--resume goes on as it was begun: drop {', '.join(given)}")

    def plan(self, dataset: Dataset, out: Path) -> Plan:
        """Raises InputError before anything is made."""
        from lineproof.adapt.device import choose_device
        from lineproof.adapt.ladder.candidates import RUNGS, make_candidates
        from lineproof.adapt.ladder.plan import make_plan
        from lineproof.data.subset import samples_of

        for split in ("train", "val"):
            samples_of(dataset, split)
        choose_device(self.device)
        if self.recipe is not None and self.ablate is None:
            raise InputError("--recipe is for --ablate", hint="name recipes to compare with --rungs")
        if self.ablate is not None and self.rungs is not None:
            raise InputError("--ablate takes one --recipe, no --rungs")
        rungs = [self.recipe or "default"] if self.ablate else words("--rungs", self.rungs) or RUNGS
        candidates = make_candidates(
            dataset,
            rungs=rungs,
            bases=words("--bases", self.bases) or ["auto"],
            sizes=numbers("--imgsz", self.imgsz, least=32),
            task=self.task,
            lengths=self._lengths(),
            batch=self.batch,
        )
        if self.ablate is not None:
            if len(candidates) != 1:
                raise InputError("--ablate works on one recipe, base and image size", hint="name one of each")
            from lineproof.adapt.ladder.variants import PARTS, make_variants

            asked = words("--ablate", self.ablate)
            unknown = [part for part in asked if part not in PARTS]
            if unknown:
                raise InputError(f"--ablate {unknown[0]}: not known", hint=f"one of {', '.join(PARTS)}")
            parts = tuple(part for part in PARTS if part in asked)
            candidates = make_variants(candidates[0], parts, out)
        whole = self.no_halving or self.ablate is not None
        plan = make_plan(
            dataset,
            candidates,
            numbers("--seeds", self.seeds, least=0) or (0,),
            rounds=1 if whole else (self.rounds or 3),
            device=self.device,
            kind="compare" if self.ablate is None else "ablate",
        )
        return plan if self.minutes is None else _fitted(plan, self.minutes, at_once(self.workers, self.device))

    def _lengths(self) -> dict[str, float | None]:
        """At most one of them; raises InputError."""
        lengths = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes_each}
        if sum(length is not None for length in (*lengths.values(), self.minutes)) > 1:
            raise InputError("--steps, --epochs, --minutes-each and --minutes: a schedule has one length")
        return lengths


def _fitted(plan: Plan, minutes: float, workers: int) -> Plan:
    """Every candidate learns as long as every other, and all rounds fit into the time."""
    from lineproof.adapt.ladder.halving import minutes_each
    from lineproof.adapt.recipe import with_changes

    each = minutes_each(minutes, plan.planned_rounds(), len(plan.candidates), len(plan.seeds), workers)
    fitted = tuple(
        candidate.model_copy(update={"recipe": with_changes(candidate.recipe, minutes=each)})
        for candidate in plan.candidates
    )
    return plan.model_copy(update={"candidates": fitted})


def at_once(workers: int | None, device: str) -> int:
    """Trials at once: one per two cores, one on a GPU."""
    from lineproof.adapt.device import choose_device
    from lineproof.adapt.isolation import cpu_threads

    return workers or (1 if choose_device(device).type != "cpu" else max(1, cpu_threads() // 2))


def costs_of(
    dataset: Dataset, rank: str | None, escape: float | None, overkill: float | None, prior: float | None
) -> Costs | None:
    """The costs to rank by; None: by mAP. Raises InputError for half of them."""
    from lineproof.adapt.ladder.cost import Costs
    from lineproof.data.subset import samples_of

    given = [value for value in (escape, overkill, prior) if value is not None]
    if rank == "map" or (rank is None and not given):
        if given:
            raise InputError("--rank map takes no costs", hint="drop them, or --rank cost")
        return None
    if escape is None or overkill is None:
        raise InputError(
            "--cost-escape and --cost-overkill: both are needed to weigh one mistake against the other",
            hint="--cost-escape 500 --cost-overkill 2 --prior 0.01",
        )
    samples = samples_of(dataset, "val")
    bad = sum(not sample.ok for sample in samples)
    if bad in (0, len(samples)):
        kind = "bad" if bad == 0 else "good"
        raise InputError(
            f"no {kind} part in the validation split: a cost cannot be measured",
            hint="use --rank map, or add such parts",
        )
    if prior is None:
        prior = bad / len(samples)
        messages.print(f"--prior: {prior:.3f} as in validation; a line has fewer bad parts, so say it", markup=False)
    return Costs(escape, overkill, prior)


def check_positive(**values: float | None) -> None:
    """Raise InputError that names the option."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise InputError(f"--{name.replace('_', '-')} {value}: more than 0")
