"""How long each round's schedules are: decided once, kept in `rounds.json`, so that a later sitting finds its trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineproof.adapt.ladder.halving import Pace, Round, epochs_in, fit_epochs
from lineproof.adapt.ladder.plan import Limits
from lineproof.atomic import write_json
from lineproof.errors import InputError

ROUNDS = "rounds.json"


class Schedules:
    """Epochs by candidate, round by round."""

    def __init__(self, out: Path) -> None:
        self._path = out / ROUNDS
        self._decided: dict[str, dict[str, int]] = _read(self._path)

    def epochs(
        self,
        round_: Round,
        whole: Mapping[str, int],
        paces: Mapping[str, Pace],
        limits: Limits,
        *,
        seeds: int,
        left_s: float | None,
    ) -> dict[str, int]:
        """Epochs of each candidate in this round; 0: its time is too short for more than it had before.

        `left_s` are seconds of all workers together. What was decided in an earlier sitting stays.
        """
        name = f"{round_.number}/{round_.of}"
        decided = self._decided.get(name, {})
        if set(whole) <= set(decided):
            return {key: decided[key] for key in whole}
        wanted = {key: round_.epochs(epochs) for key, epochs in whole.items()}
        if limits.minutes_each is not None:
            wanted = {
                key: epochs_in(60 * limits.minutes_each * round_.share, paces[key], epochs) if key in paces else epochs
                for key, epochs in wanted.items()
            }
        if left_s is not None and set(wanted) <= set(paces):
            wanted = fit_epochs(wanted, paces, seeds, left_s)
        wanted = {key: epochs if epochs > self._before(key, name) else 0 for key, epochs in wanted.items()}
        if any(wanted.values()):
            self._decided[name] = decided | wanted
            write_json(self._path, self._decided)
        return wanted

    def _before(self, key: str, name: str) -> int:
        """The longest schedule it had in another round."""
        return max((row.get(key, 0) for other, row in self._decided.items() if other != name), default=0)


def _read(path: Path) -> dict[str, dict[str, int]]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        return {str(name): {str(k): int(v) for k, v in row.items()} for name, row in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        raise InputError(f"{path}: damaged", hint="delete it: trials of the usual lengths are found again") from None


def paces_of(rows: Mapping[str, Sequence[tuple[float, float, int]]]) -> dict[str, Pace]:
    """From (seconds in all, seconds in epochs, epochs) of each candidate's trials."""
    paces = {}
    for key, trials in rows.items():
        epochs = sum(count for _, _, count in trials)
        if epochs:
            learning = sum(train for _, train, _ in trials)
            rest = sum(total for total, _, _ in trials) - learning
            paces[key] = Pace(learning / epochs, max(rest, 0.0) / len(trials))
    return paces
