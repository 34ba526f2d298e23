"""An engine that answers what it was told: tests and wiring checks need no model."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from lineproof.core import Detections, Image, StageTimes


@dataclass(slots=True, eq=False)
class Hang:
    """An answer that does not come until `release` is set, or `limit_s` is over; then it is `then`."""

    limit_s: float = 30.0
    then: Detections | Exception = field(default_factory=Detections.empty)
    release: threading.Event = field(default_factory=threading.Event)


Answer = Detections | Exception | Hang


class ScriptedEngine:
    """Gives its answers one by one, then `otherwise` for ever; an exception is raised, a `Hang` waited for."""

    def __init__(
        self,
        classes: tuple[str, ...],
        answers: Iterable[Answer] = (),
        *,
        otherwise: Answer | None = None,
        input_wh: tuple[int, int] = (64, 64),
        provider: str = "ScriptedExecutionProvider",
    ) -> None:
        self.classes = classes
        self.input_wh = input_wh
        self.provider = provider
        self.fallback = ""
        self.images: list[Image] = []  # everything it was shown
        self._answers = iter(tuple(answers))
        self._otherwise = Detections.empty() if otherwise is None else otherwise

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """The next answer; raises it when it is an exception."""
        self.images.append(image)
        answer = next(self._answers, self._otherwise)
        if isinstance(answer, Hang):
            answer.release.wait(answer.limit_s)
            answer = answer.then
        if isinstance(answer, Exception):
            raise answer
        return answer, StageTimes()
