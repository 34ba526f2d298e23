"""Which processor cores this process may use, and how a session's threads are spread over them."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
_TOPOLOGY = "/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"

Core = tuple[int, ...]  # the logical processors of one physical core


def usable_cores() -> tuple[Core, ...]:
    """Physical cores in this process's affinity mask; empty where the system does not say (then the runtime decides)."""
    if sys.platform != "linux":
        return ()
    cores: dict[str, list[int]] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(_TOPOLOGY.format(cpu=cpu))
        cores.setdefault(siblings.read_text().strip() if siblings.exists() else str(cpu), []).append(cpu)
    return tuple(tuple(core) for core in cores.values())


def quota(cpu_max: Path = _CPU_MAX) -> int | None:
    """Whole cores a container is granted; threads beyond it are stopped in mid-run by the scheduler. None: no limit."""
    if not cpu_max.is_file():
        return None
    granted, _, period = cpu_max.read_text().strip().partition(" ")
    if not granted.isdigit() or not period.isdigit():  # "max 100000"
        return None
    return max(1, int(granted) // int(period))


def thread_count(wanted: int | None, cores: tuple[Core, ...], granted: int | None) -> int:
    """Threads to start; 0 leaves it to the runtime. More threads than processors only take turns."""
    if not cores:
        return wanted or 0
    if wanted:
        return min(wanted, sum(len(core) for core in cores))
    return min(len(cores), granted or len(cores))


def worker_affinities(threads: int, cores: tuple[Core, ...]) -> tuple[tuple[int, ...], ...]:
    """The processors of each worker thread; the first thread is the caller's own, which stays free.

    The cores are dealt out in as many groups as there are threads. Two workers never share a core, which is what makes
    an unpinned pool slow, and yet each may step aside within its group: several sessions or processes with few threads
    each would otherwise all sit on the first cores while the others idle.
    """
    if threads < 2 or not cores:
        return ()
    places = list(cores) if threads <= len(cores) else [(cpu,) for core in cores for cpu in core]
    edges = [round(part * len(places) / threads) for part in range(threads + 1)]
    groups = [places[low:high] for low, high in pairwise(edges)]
    return tuple(tuple(sorted(cpu for core in group for cpu in core)) for group in groups[1:])
