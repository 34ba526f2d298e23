"""The same inspector on many processes: its engine as a Ray Serve deployment behind the one door.

Ray's own HTTP proxy stays off. It would bring a second set of limits and ports, and a part sent again could reach a
replica that has not seen it; behind one door neither can happen.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lineproof.errors import EngineError, ProviderError, SettingsError
from lineproof.serve.ray_cluster import Place, RayKeeper
from lineproof.serve.ray_engine import RayEngine
from lineproof.serve.ray_replica import Replica, ReplicaParts

log = logging.getLogger("lineproof.serve")

DEPLOYMENT = "inspector"
AHEAD = 2  # images at a replica: one in the engine, the next already there
HEALTH_S = 2.0
STUCK_FACTOR, STUCK_MIN_S = 3, 10.0  # as the door's own: three deadlines, and at least ten seconds


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many replicas, where, and what each takes."""

    place: Place
    replicas: int
    on_gpu: bool  # one GPU each
    deadline_ms: float

    @classmethod
    def of(cls, on: str, replicas: int | None, *, cores: int, on_gpu: bool, deadline_ms: float) -> Fleet:
        """What the command line asks for on a machine of so many cores; raises SettingsError when it cannot be."""
        place = Place.parse(on)
        if replicas is None:
            if place.address:
                raise SettingsError(f"--on {on}: say how many --replicas", hint="each takes one core, or one GPU")
            replicas = 1 if on_gpu else max(1, cores - 1)  # one core for the door
        if replicas < 1 or (not place.address and replicas > cores):
            raise SettingsError(f"--replicas {replicas}: choose 1 to {cores}", hint="each takes one core")
        return cls(place, replicas, on_gpu, deadline_ms)


class RayFleet:
    """The replicas of one door, from `deploy` to `close`."""

    def __init__(self, fleet: Fleet) -> None:
        """Start nothing yet."""
        self.fleet = fleet
        self.running = 0  # healthy replicas, when last counted
        self._keeper = RayKeeper(fleet.place, cpus=fleet.replicas, gpus=None if fleet.on_gpu else 0)
        self._name = f"lineproof-{uuid.uuid4().hex[:12]}"  # two doors on one cluster do not meet

    def deploy(self, build: Callable[[], ReplicaParts]) -> RayEngine:
        """Return once every replica has built its engine; `build` is pickled and called in each.

        Raises:
            EngineError: Ray does not come up, has too few cores, or a replica is not ready: its own words.
            ProviderError: too few GPUs.
        """
        self._keeper.start()
        import ray
        from ray import serve
        from ray.serve.schema import LoggingConfig

        self._check_room(ray.available_resources())
        quiet = LoggingConfig(log_level="ERROR", enable_access_log=False)
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        serve.start(proxy_location="Disabled", logging_config=quiet)
        deployment = serve.deployment(
            name=DEPLOYMENT,
            num_replicas=self.fleet.replicas,
            ray_actor_options={"num_cpus": 1, "num_gpus": 1 if self.fleet.on_gpu else 0},
            max_ongoing_requests=AHEAD,
            health_check_period_s=HEALTH_S,
            max_constructor_retry_count=1,  # a bundle that does not verify will not verify the next time
            logging_config=quiet,
        )(Replica)
        deadline_s = self.fleet.deadline_ms / 1000
        stuck_s = max(STUCK_MIN_S, STUCK_FACTOR * deadline_s)
        self._keeper.attend(look=self._count, leave=self._leave)
        try:
            application = deployment.bind(build, stuck_s, on_loopback=not self.fleet.place.address)
            handle = serve.run(application, name=self._name, route_prefix=None)
        except RuntimeError:
            raise EngineError(*self._why()) from None
        self._count()
        return RayEngine(handle, handle.about.remote().result(timeout_s=60), timeout_s=deadline_s)

    @property
    def at_once(self) -> int:
        """As many images as the replicas profit from at once."""
        return AHEAD * self.fleet.replicas

    def trouble(self) -> str:
        """Why no part can be inspected just now; empty when some replica is healthy."""
        return "" if self.running else "no engine replica is healthy"

    def close(self) -> None:
        """End the replicas, and our own Ray with them; may be called before `deploy`."""
        self._keeper.stop()

    def _check_room(self, free: dict[str, float]) -> None:
        wanted = self.fleet.replicas
        if self.fleet.on_gpu and free.get("GPU", 0) < wanted:
            raise ProviderError(f"{wanted} replicas need a GPU each, Ray has {free.get('GPU', 0):g} free")
        if free.get("CPU", 0) < wanted:
            raise EngineError(f"{wanted} replicas need a core each, Ray has {free.get('CPU', 0):g} free")

    def _count(self) -> None:
        state = self._state()
        running = 0 if state is None else sum(n for name, n in state.replica_states.items() if name == "RUNNING")
        if running != self.running:
            log.warning("%d of %d engine replicas are healthy", running, self.fleet.replicas)
        self.running = running

    def _why(self) -> tuple[str]:
        """The last line of the traceback that Ray Serve reports, without the name of its class."""
        state = self._state()
        lines = [] if state is None else [line.strip() for line in state.message.splitlines() if line.strip()]
        return (lines[-1].partition("Error: ")[2] or lines[-1] if lines else "the replicas did not start",)

    def _state(self) -> Any:  # noqa: ANN401 (Ray's own type)
        from ray import serve

        application = serve.status().applications.get(self._name)
        return None if application is None else application.deployments.get(DEPLOYMENT)

    def _leave(self) -> None:
        """On a Ray of our own all ends at once; on another one only our replicas do."""
        if self.fleet.place.address:
            from ray import serve

            serve.delete(self._name)
