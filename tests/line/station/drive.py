"""Random lives of a station: everything that can happen, in any order, often enough in the right one."""

from __future__ import annotations

import random

from line.station.oracle import Watched
from lineproof.core.codes import FaultCode
from lineproof.core.station import (
    Acknowledged,
    Alive,
    Challenging,
    Enabled,
    Halted,
    Outcome,
    RecipeAsked,
    ResetAsked,
    Triggered,
)
from lineproof.core.verdict import Decision, Reason
from lineproof.line.station.challenge import KnownParts
from lineproof.line.station.events import (
    Expose,
    Exposed,
    FaultGone,
    FaultSeen,
    Finding,
    Inspected,
    Noted,
    Prepare,
    Tick,
    Verified,
)
from lineproof.line.station.station import Station, Terms

IDS = [("model-a", "rules-a"), ("model-b", "rules-a"), ("model-a", "rules-b")]
FAULTS = list(FaultCode)
WHY = (Reason("scratch.score", "a scratch"),)


KNOWN = {"OK-1": Outcome.PASS, "NG-1": Outcome.FAIL}


def known_parts_of(rng: random.Random) -> KnownParts:
    """Most lines have none."""
    if rng.random() < 0.7:
        return KnownParts()
    return KnownParts(KNOWN, every_parts=rng.choice([None, 3]), grace_ms=rng.choice([0, 300, 1e9]))


def terms_of(rng: random.Random) -> Terms:
    """Some line."""
    return Terms(
        deadline_ms=rng.choice([50, 200]),
        controller_timeout_ms=rng.choice([300, 300, 0]),
        trigger_lead_ms=rng.choice([0, 0, 0, 4]),
        views=rng.choice([("main",), ("main",), ("top", "side")]),
        fusion=rng.choice(["any", "all", 1, 2]),
        simulation=rng.random() < 0.05,
        known_parts=known_parts_of(rng),
    )


class Life:
    """Chooses what happens next; mostly what a healthy line does, now and then anything at all."""

    def __init__(self, rng: random.Random, watched: Watched) -> None:
        self.rng, self.watched = rng, watched
        self.seq = rng.choice([0, 7, (1 << 32) - 3])
        self.exposures: list[Expose] = []
        self.frames: list[Exposed] = []

    def step(self) -> None:
        """One event: what a healthy line would do next, or anything."""
        if self.rng.random() < 0.55:
            self.healthy()
            return
        choose = self.rng.choices(
            [self.alive, self.trigger, self.frame, self.verdict, self.acknowledge, self.odd, self.tick],
            [30, 10, 14, 14, 10, 8, 8],
        )[0]
        choose()

    def healthy(self) -> None:
        station = self.watched.station
        if station.part is None:
            (self.trigger if station.shown is None else self.acknowledge)()
        elif len(station.part.exposed) < len(station.terms.views):
            self.frame()
        else:
            self.verdict()
        if self.rng.random() < 0.4:
            self.alive()

    def feed(self, event: object) -> None:
        wait = self.rng.choice([1, 2, 5, 10, 20]) if self.rng.random() < 0.95 else self.rng.choice([60, 250, 350])
        for effect in self.watched.feed(event, after_ms=wait if self.rng.random() < 0.6 else 0):
            if isinstance(effect, Expose):
                self.exposures.append(effect)
            if isinstance(effect, Prepare) and self.rng.random() < 0.7:
                self.watched.feed(Verified(*self.rng.choice(IDS), recipe=effect.recipe))

    def alive(self) -> None:
        self.feed(Alive())

    def tick(self) -> None:
        self.feed(Tick())

    def trigger(self) -> None:
        kind = self.rng.random()
        if kind < 0.8:
            self.seq = (self.seq + 1) % (1 << 32) or 1
        elif kind < 0.9:
            self.seq = (self.seq + self.rng.randint(2, 5)) % (1 << 32) or 1
        seq = (
            self.seq
            if kind < 0.9
            else self.rng.choice([0, self.seq, self.seq - 1, self.seq - self.rng.randrange(1000)])
        )
        seq %= 1 << 32
        if kind >= 0.9 and 0 < (seq - self.seq) % (1 << 32) < 1 << 31:
            self.seq = seq
        known = self.watched.station.terms.known_parts.expected and self.rng.random() < 0.5
        name = self.rng.choice(list(KNOWN)) if known else f"part {seq}"
        self.feed(Triggered(seq, name, int(self.rng.random() < 0.03), self.rng.choice([0, 0, 0, 30])))

    def frame(self) -> None:
        if not self.exposures:
            return self.tick()
        order = self.exposures[-1] if self.rng.random() < 0.95 else self.rng.choice(self.exposures)
        self.watched.now_ns += self.rng.choice([100_000, 1_000_000])
        now = self.watched.now_ns
        exposed_ns = now if self.rng.random() < 0.95 else order.triggered_ns + self.rng.choice([-5_000_000, 0, 10**12])
        frame = Exposed(order.seq, self.rng.choice(order.views), exposed_ns, intact=self.rng.random() < 0.96)
        self.frames.append(frame)
        self.feed(frame)
        return None

    def verdict(self) -> None:
        if not self.frames:
            return self.tick()
        frame = self.frames[-1] if self.rng.random() < 0.95 else self.rng.choice(self.frames)
        ids = self.watched.ids if self.rng.random() < 0.95 else self.rng.choice(IDS)
        decision = self.rng.choices(list(Decision), [70, 15, 10, 5])[0]
        exposed_ns = frame.exposed_ns if self.rng.random() < 0.97 else frame.exposed_ns + 1
        finding = Finding(decision, () if decision is Decision.PASS else WHY)
        self.feed(Inspected(frame.seq, frame.view, exposed_ns, *ids, finding))
        return None

    def acknowledge(self) -> None:
        shown = self.watched.station.shown
        right = shown is not None and self.rng.random() < 0.85
        self.feed(Acknowledged(shown.seq if right and shown is not None else self.rng.randrange(self.seq + 2)))

    def odd(self) -> None:
        rng = self.rng
        events = [
            lambda: FaultSeen(rng.choice(FAULTS)),
            lambda: FaultGone(rng.choice(FAULTS)),
            lambda: Halted(rng.random() < 0.5),
            lambda: Enabled(rng.random() < 0.8),
            lambda: Challenging(rng.random() < 0.4),
            ResetAsked,
            lambda: RecipeAsked(rng.choice([0, 1, 2])),
            lambda: Verified(*rng.choice(IDS)),
            lambda: Noted(warning=rng.random() < 0.5),
        ]
        self.feed(rng.choice(events)())
        if rng.random() < 0.6:  # and back to health, or nothing would ever be inspected again
            for code in list(self.watched.station.faults):
                self.watched.feed(FaultGone(code))
            self.watched.feed(ResetAsked())
            self.watched.feed(Halted(on=False))
            self.watched.feed(Challenging(on=False))
            self.watched.feed(Enabled(on=True))


def live(seed: int, steps: int = 50) -> Watched:
    """One life, from start to the last deadline."""
    rng = random.Random(seed)
    watched = Watched(Station(terms_of(rng), session=rng.randrange(1, 1 << 32)))
    life = Life(rng, watched)
    if rng.random() < 0.95:
        watched.feed(Verified(*IDS[0]))
        watched.feed(Enabled(on=True))
        watched.feed(Alive())
    for _ in range(steps):
        life.step()
        if watched.violations:
            return watched
    watched.end()
    return watched
