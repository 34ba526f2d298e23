"""`lineproof serve --on ray`: what each replica is built from, and the door's inspector in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lineproof.cli.output import require_extra
from lineproof.errors import SettingsError

if TYPE_CHECKING:
    from lineproof.bundle.open import Bundle
    from lineproof.engine.regions import Region
    from lineproof.inspector import Inspector
    from lineproof.rules.tolerance import Rules
    from lineproof.serve.ray_app import RayFleet
    from lineproof.serve.ray_replica import ReplicaParts

ON_GPU = ("cuda", "tensorrt")


@dataclass(frozen=True, slots=True)
class ReplicaPlan:
    """What travels to a replica; the bundle must lie there under the same path, and be the same bundle."""

    bundle: Path
    digest: str
    rules: Rules
    regions: tuple[Region, ...]
    provider: str
    version: str


@contextmanager
def ray_fleet(
    on: str | None, replicas: int | None, *, cores: Callable[[], int], provider: str, deadline_ms: float
) -> Iterator[RayFleet | None]:
    """Replicas for as long as the door is open, or none; raises SettingsError or MissingExtra before anything starts."""
    if on is None:
        if replicas is not None:
            raise SettingsError(
                "--replicas is for --on ray", hint="one process uses all cores; --concurrency bounds it"
            )
        yield None
        return
    from lineproof.serve.ray_app import Fleet, RayFleet

    wish = Fleet.of(on, replicas, cores=cores(), on_gpu=provider in ON_GPU, deadline_ms=deadline_ms)
    require_extra("scale", "ray")
    fleet = RayFleet(wish)
    try:
        yield fleet
    finally:
        fleet.close()


def open_on_ray(
    fleet: RayFleet,
    bundle_path: Path,
    rules: Rules,
    provider: str = "auto",
    line_digest: str = "",
    *,
    regions: Sequence[Region] = (),
    proven_under: str = "",
) -> tuple[Inspector, Bundle]:
    """As `open_inspector`, the engine in every replica; what the door says about the bundle is verified here too."""
    from lineproof import __version__
    from lineproof.bundle.open import open_bundle
    from lineproof.bundle.proof_file import require_proof
    from lineproof.cli.assemble import bundle_limits
    from lineproof.core import Provenance
    from lineproof.inspector import Inspector

    bundle = open_bundle(bundle_path.absolute())
    if proven_under:
        require_proof(bundle, proven_under)
    limits = bundle_limits(bundle, rules)  # before Ray: a wrong rule is reported at once
    plan = ReplicaPlan(bundle.path, bundle.digest, rules, tuple(regions), provider, __version__)
    engine = fleet.deploy(partial(build_replica, plan))
    provenance = Provenance(
        bundle_name=bundle.manifest.name,
        bundle_digest=bundle.digest,
        line_digest=line_digest,
        provider=engine.provider,
        model_input_wh=engine.input_wh,
    )
    return Inspector(engine, limits, provenance), bundle


def build_replica(plan: ReplicaPlan) -> ReplicaParts:
    """Open, verify, warm up, replay the probes, in the process of a replica and on one thread.

    Raises:
        BundleError: not the bundle that the door opened.
        EngineError: another version of lineproof, an engine that cannot be had, or probes that disagree.
    """
    from lineproof import __version__
    from lineproof.bundle.open import open_bundle
    from lineproof.cli.assemble import bundle_limits, most_at_once, ready_engine
    from lineproof.engine.probes import replay_probes
    from lineproof.engine.regions import RegionEngine
    from lineproof.errors import BundleError, EngineError
    from lineproof.serve.ray_replica import ReplicaParts

    if __version__ != plan.version:
        raise EngineError(f"lineproof is {__version__} on one machine, {plan.version} at the door")
    bundle = open_bundle(plan.bundle)
    if bundle.digest != plan.digest:
        raise BundleError(f"{plan.bundle}: another bundle than at the door", hint="stop the server before replacing it")
    limits = bundle_limits(bundle, plan.rules)
    at_once = most_at_once(plan.provider, bundle, plan.regions)
    engine = ready_engine(bundle, limits, plan.provider, threads=1, max_batch=at_once)

    def prove() -> None:
        replay_probes(engine, bundle)

    seeing = RegionEngine(engine, plan.regions) if plan.regions else engine
    return ReplicaParts(seeing, engine.fallback, prove)
