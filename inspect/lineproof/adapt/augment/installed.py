"""The proof that a trainer applies exactly the augmentation that was asked for."""

from __future__ import annotations

from typing import Any, Protocol

import albumentations as A  # noqa: N812 (its own documentation calls it so)

from lineproof.adapt.augment.preset import Augmentation
from lineproof.errors import GateError

_HINT = "nothing was trained; check the versions of albumentations and ultralytics with `lineproof doctor`"


class _Images(Protocol):
    """What is looked at of a training dataset."""

    transforms: Any  # ultralytics' own Compose


def check_installed(dataset: _Images, asked: Augmentation) -> None:
    """Refuse to train unless the dataset applies exactly what was asked for, always, in this order.

    The trainer goes on without a pipeline it could not build, and says so in a log line only.

    Raises:
        GateError: it is missing, doubled, skipped at random, or differs; says how.
    """
    found = [t for t in dataset.transforms.transforms if type(t).__name__ == "Albumentations"]
    if len(found) != 1:
        raise GateError(
            f"augmentation: expected one albumentations step in the trainer, found {len(found)}", hint=_HINT
        )
    step = found[0]
    if step.transform is None:
        raise GateError("augmentation: the trainer could not build what the preset asks for", hint=_HINT)
    if step.p != 1:
        raise GateError(f"augmentation: the trainer applies it with probability {step.p}, not always", hint=_HINT)
    built = [A.to_dict(transform)["transform"] for transform in step.transform.transforms]
    wanted = [A.to_dict(transform)["transform"] for transform in asked.build()]
    if built != wanted:
        raise GateError(f"augmentation: the trainer built {_names(built)}, asked was {_names(wanted)}", hint=_HINT)


def _names(transforms: list[dict[str, Any]]) -> str:
    return ", ".join(f"{t['__class_fullname__'].split('.')[-1]}(p={t['p']})" for t in transforms) or "nothing"
