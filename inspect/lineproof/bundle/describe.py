"""A bundle in words, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.bundle.manifest import Manifest, ParityReport
from lineproof.bundle.open import Bundle
from lineproof.bundle.proof_file import read_proof


def describe(bundle: Bundle) -> str:
    """Everything a person asks about a bundle, a line each."""
    return "\n".join(f"{name:<12} {value}" for name, value in _lines(bundle))


def _lines(bundle: Bundle) -> Iterator[tuple[str, str]]:
    manifest = bundle.manifest
    width, height = manifest.input_wh
    yield "name", manifest.name
    yield "digest", bundle.digest
    yield "sealed", f"{manifest.created_at:%Y-%m-%d %H:%M} UTC by lineproof {manifest.lineproof}"
    yield "task", manifest.task
    yield "input", f"{width}×{height}{', any smaller multiple of 32' if manifest.input.dynamic else ''}"
    if manifest.tiles is not None:
        tiles = manifest.tiles
        size = f"{tiles.slice_width}×{tiles.slice_height}"
        yield "tiles", f"{size} px of the frame, neighbours share {tiles.overlap_width} and {tiles.overlap_height} px"
    yield from _thresholds(manifest)
    if manifest.task == "classify":
        yield "kept from", f"{manifest.score_floor:g}, each class for itself"
        yield "heat maps", "yes" if manifest.outputs == "probabilities+heat" else "no"
    else:
        averaged = ", boxes averaged" if manifest.boxes_averaged else ""
        kept = f"{manifest.score_floor:g}, overlap {manifest.nms_iou:g}{averaged}, at most {manifest.max_detections}"
        yield "kept above", kept
    if manifest.base is not None:
        transferred = f", {manifest.base.transferred} tensors transferred" if manifest.base.transferred else ""
        yield "base", f"{manifest.base.name} ({manifest.base.licence}){transferred}"
    if manifest.dataset is not None:
        counts = ", ".join(f"{name} {count}" for name, count in manifest.dataset.counts.items())
        yield (
            "dataset",
            f"{manifest.dataset.name or manifest.dataset.content_hash[:12]}{': ' if counts else ''}{counts}",
        )
    if manifest.parity is not None:
        yield "parity", _parity(manifest.parity, boxes=manifest.task != "classify")
    if manifest.reductions:
        yield "decoding", f"JPEGs may be decoded at {', '.join(f'1/{n}' for n in manifest.reductions)}"
    yield "probes", f"{len(bundle.probes)} images"
    yield "model", f"{len(bundle.model) / 1e6:.1f} MB"
    proof = read_proof(bundle)
    yield "proof", "none" if proof is None else f"{proof.sentence} ({proof.at:%Y-%m-%d}, {proof.by})"
    if bundle.extras:
        yield "also", ", ".join(sorted(bundle.extras))


def _thresholds(manifest: Manifest) -> Iterator[tuple[str, str]]:
    label = "classes"
    for name in manifest.classes:
        limit = manifest.thresholds[name]
        review = f", review from {limit.review_score:.3g}" if limit.review_score < limit.score else ""
        yield label, f"{name}: sure from {limit.score:.3g}{review}"
        label = ""


def _parity(parity: ParityReport, *, boxes: bool) -> str:
    masks = "" if parity.mean_mask_iou is None else f", masks overlap {parity.mean_mask_iou:.3f}"
    where = f"boxes within {parity.max_box_difference_px:.3f} px, " if boxes else ""
    return (
        f"{parity.images} images, {parity.decision_flips} decisions differ, {where}"
        f"scores within {parity.max_score_difference:.4f}{masks}"
    )
