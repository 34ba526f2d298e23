"""The door's side of the replicas: a port like any other engine, so that everything before and after it stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lineproof.core import Detections, Image, StageTimes
from lineproof.errors import EngineError, LineproofError
from lineproof.serve.ray_replica import EngineFacts, Found

TRIES = 2  # an image whose replica died is given to another one, once


class RayEngine:
    """Sends each image to one of the replicas; may be called from several threads at once.

    Only detecting happens elsewhere. Judging, deadlines, repeats, records and counts stay in the door: one process, so
    a part sent twice meets its first inspection whichever replica made it, and all times come from one clock.
    """

    def __init__(self, handle: Any, facts: EngineFacts, *, timeout_s: float) -> None:  # noqa: ANN401 (Ray's own type)
        """Take a handle of the deployment; `timeout_s` bounds the wait for one image."""
        self.classes = facts.classes
        self.provider = facts.provider
        self.fallback = facts.fallback
        self.input_wh = facts.input_wh
        self._handle = handle
        self._timeout_s = timeout_s

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Detections in the image's own pixels; the times are those of the replica.

        Raises:
            EngineError: the run failed, no replica answered in time, or another provider ran than the one announced.
        """
        return self._take(self._handle.detect.remote(image), image)

    def detect_many(self, images: Sequence[Image]) -> list[tuple[Detections, StageTimes]]:
        """Several at once, spread over the replicas, in their order; raises EngineError as `detect`."""
        asked = [self._handle.detect.remote(image) for image in images]
        return [self._take(answer, image) for answer, image in zip(asked, images, strict=True)]

    def _take(self, answer: Any, image: Image, tries: int = TRIES) -> tuple[Detections, StageTimes]:  # noqa: ANN401
        from ray.exceptions import RayActorError, RayError, RayTaskError
        from ray.serve.exceptions import RayServeException

        try:
            found: Found = answer.result(timeout_s=self._timeout_s)
        except RayTaskError as error:
            raise _said_there(error.cause) from None
        except RayActorError:
            if tries > 1:
                return self._take(self._handle.detect.remote(image), image, tries - 1)
            raise EngineError("the replica died, and so did the next one", hint="see what ended them") from None
        except TimeoutError:
            answer.cancel()
            raise EngineError(f"no replica answered within {self._timeout_s:g} s", hint="start more replicas") from None
        except (RayError, RayServeException) as error:
            raise EngineError(f"no replica answered ({type(error).__name__})") from None
        detections, times, provider = found
        if provider != self.provider:
            raise EngineError(
                f"one replica runs on {provider}, others on {self.provider}",
                hint="name the provider: --provider cpu, cuda or tensorrt",
            )
        return detections, times


def _said_there(cause: object) -> EngineError:
    """What a replica raised, as if it had been raised here."""
    if isinstance(cause, LineproofError):
        return EngineError(cause.message, hint=cause.hint)
    return EngineError(f"{type(cause).__name__}: {cause}")
