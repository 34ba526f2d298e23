"""`lineproof train --task classify`: a classifier on frozen features, fitted in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lineproof.cli.output import require_extra
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.adapt.classify.run import Classified
    from lineproof.adapt.progress import TrainProgress

Head = Literal["linear", "knn", "mlp"]

_MODULES = ("torch", "ultralytics", "timm", "sklearn", "onnx", "onnxslim", "safetensors")


def check_options(task: str | None, said: dict[str, object]) -> None:
    """Raise InputError for options of the other kind of training."""
    for_classifiers = {"--head": said["head"], "--one-class": said["one_class"] or None}
    if task == "classify":
        wrong = [f"--{name}" for name in ("recipe", "epochs", "batch", "seed", "resume") if said[name]]
        if said["device"] not in ("auto", "cpu"):
            wrong.append("--device")
        if wrong:
            raise InputError(
                f"--task classify fits a classifier on frozen features, in seconds on a CPU: drop {', '.join(wrong)}"
            )
    elif given := [name for name, value in for_classifiers.items() if value is not None]:
        raise InputError(f"{', '.join(given)}: only with --task classify")


def fit(
    data: Path,
    out: Path,
    *,
    base: str | None,
    head: Head | None,
    one_class: bool,
    imgsz: int | None,
    progress: TrainProgress,
) -> tuple[dict[str, object], str]:
    """Facts for JSON, and what a person wants to know first."""
    require_extra("train", *_MODULES)
    from lineproof.adapt.classify.run import train_classifier
    from lineproof.adapt.classify.wish import ClassifyWish

    wish = ClassifyWish(base or "auto", head or "linear", one_class, imgsz)
    done = train_classifier(data, out, wish, progress)
    return _facts(done), _text(done)


def _facts(done: Classified) -> dict[str, object]:
    record, sealed = done.record, done.sealed
    return {
        "run": str(done.folder.root),
        "bundle": str(sealed.bundle.path),
        "digest": sealed.bundle.digest,
        "task": "classify",
        "classes": list(record.classes),
        "base": record.base.model_dump(mode="json"),
        "random_weights": record.random_weights,
        "head": record.head,
        "settings": record.settings,
        "imgsz": record.imgsz,
        "dimension": record.dimension,
        "feature_seconds": record.feature_seconds,
        "fit_seconds": record.fit_seconds,
        "warnings": list(record.warnings),
        "validation": sealed.figures,
        "parity": sealed.parity.model_dump(mode="json"),
        "thresholds": {
            name: {"score": t.score, "review_score": t.review_score} for name, t in sealed.thresholds.items()
        },
    }


def _text(done: Classified) -> str:
    record, sealed = done.record, done.sealed
    evaluation, parity = sealed.evaluation, sealed.parity
    classes = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.per_class.items())
    return "\n".join(
        [
            f"features of {record.base.name} in {record.feature_seconds:.1f} s, {record.head} in {record.fit_seconds:.1f} s",
            f"validation, {evaluation.images} images through the runtime engine: right {evaluation.right}",
            f"  escapes {evaluation.rates.escape}, overkill {evaluation.rates.overkill}, review {evaluation.rates.review}",
            f"  average precision by image: {classes}",
            f"parity: {parity.decision_flips} decision flips, largest score difference {parity.max_score_difference:.1e}",
            f"bundle {sealed.bundle.path} ({sealed.bundle.digest[:12]}), {sealed.bundle.manifest.precision}",
        ]
    )
