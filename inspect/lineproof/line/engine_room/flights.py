"""Which jobs are with the process, and in which slots their frames lie."""

from __future__ import annotations

from lineproof.line.engine_room.events import Job, Key


class Flights:
    """Jobs by number; every slot is free, being filled, or holds the frame of exactly one of them."""

    def __init__(self, slots: int) -> None:
        self._free = list(range(slots))
        self._flying: dict[int, tuple[Job, int]] = {}

    def take_slot(self) -> int | None:
        """A free slot to fill, the one used last first: its memory is in the caches; None when all are in use."""
        return self._free.pop() if self._free else None

    def give_back(self, slot: int) -> None:
        """A slot that was taken and holds no job."""
        self._free.append(slot)

    def begin(self, number: int, job: Job, slot: int) -> None:
        """The job is with the process, its frame in this slot."""
        self._flying[number] = job, slot

    def end(self, number: int) -> Job:
        """The process is through with it; its slot is free."""
        job, slot = self._flying.pop(number)
        self._free.append(slot)
        return job

    def of(self, key: Key, seq: int) -> list[int]:
        """Numbers of the views of one part."""
        return [number for number, (job, _) in self._flying.items() if (job.key, job.seq) == (key, seq)]

    def end_all(self) -> tuple[Job, ...]:
        """The process is gone: what was with it, oldest first."""
        return tuple(self.end(number) for number in list(self._flying))

    def __len__(self) -> int:
        """Jobs with the process."""
        return len(self._flying)
