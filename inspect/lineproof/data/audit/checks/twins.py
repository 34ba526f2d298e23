"""Images that show the same thing: stored twice, on both sides of a split, annotated differently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lineproof.data.audit.checks.boxes import record_iou
from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset
from lineproof.data.duplicates import Kind, Pair

# Twins that show this much of each other must show the same defects; less, and one may lie outside.
WHOLE_OVERLAP = 0.9
SAME_INSTANCE_IOU = 0.5
EXACT = (Kind.FILE, Kind.PIXELS)


def check_copies(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Identical files or pixels, and whether their annotations agree."""
    for pair in pixels.duplicates.pairs:
        if pair.kind in EXACT:
            yield Finding(Code.COPY, f"{pair.kind}: {pair.a}", pair.b, others=(pair.a,))
            if not _annotated_alike(raw, pair):
                yield Finding(Code.COPY_DIFFERS, f"not annotated as {pair.a}", pair.b, others=(pair.a,))


def check_crossing(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Every held-out image that has a twin in train."""
    beside: defaultdict[str, list[tuple[str, Pair]]] = defaultdict(list)
    for pair in pixels.duplicates.pairs:
        for own, other in ((pair.a, pair.b), (pair.b, pair.a)):
            if raw.split_of(own) in ("val", "test") and raw.split_of(other) == "train":
                beside[own].append((other, pair))
    for name in raw.sizes:
        twins = sorted(beside.get(name, []), key=lambda item: (-item[1].overlap, item[0]))
        if twins:
            other, pair = twins[0]
            more = f" (and {len(twins) - 1} more)" if len(twins) > 1 else ""
            text = f"in {raw.split_of(name)}; {other} in train is its twin: {pair}{more}"
            yield Finding(Code.CROSSING, text, name, others=tuple(twin for twin, _ in twins))


def check_groups(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Every group, by name, of which images lie in several splits."""
    del pixels
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name, entry in raw.settings.images.items():
        members[entry.group].append(name)
    for group, names in members.items():
        splits = sorted({raw.split_of(name) for name in names} - {""})
        if len(splits) > 1:
            text = f"group {group!r} of {len(names)} images lies in {' and '.join(splits)}"
            yield Finding(Code.GROUP_CROSSING, text, names[0], others=tuple(names[1:]))


def check_agreement(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Images annotated as good whose twin, which shows the whole of them, has a defect."""
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for pair in pixels.duplicates.pairs:
        good = [name for name in (pair.a, pair.b) if not raw.records.get(name)]
        if pair.kind not in EXACT and pair.overlap >= WHOLE_OVERLAP and len(good) == 1:
            beside[good[0]].append(pair.b if good[0] == pair.a else pair.a)
    for name, others in sorted(beside.items()):
        classes = sorted({record.class_name for other in others for record in raw.records[other]})
        text = f"no defect, but {_twins_have(others)} {', '.join(classes)}"
        yield Finding(Code.TWINS_DISAGREE, text, name, others=tuple(others))


def _twins_have(others: list[str]) -> str:
    return f"its twin {others[0]} has" if len(others) == 1 else f"its {len(others)} twins ({others[0]}, …) have"


def check_clusters(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Parts shown several times while no split keeps their images together, and scenes that every image shares."""
    for cluster in pixels.duplicates.clusters:
        if not all(raw.split_of(name) for name in cluster):
            text = f"{len(cluster)} images show the same: {', '.join(cluster[1:4])}{' …' if len(cluster) > 4 else ''}"
            yield Finding(Code.TWINS, text, cluster[0], others=cluster[1:])
    for scene in pixels.duplicates.scenes:
        text = f"{len(scene)} images look alike because every part does; among them only copies were looked for"
        yield Finding(Code.SCENE, text, scene[0], others=scene[1:])


def _annotated_alike(raw: RawDataset, pair: Pair) -> bool:
    """Every instance of one image has its like on the other: same class, boxes that overlap by half."""
    first, second = raw.records.get(pair.a, []), raw.records.get(pair.b, [])
    return len(first) == len(second) and all(
        any(a.class_name == b.class_name and record_iou(a, b) >= SAME_INSTANCE_IOU for b in second) for a in first
    )
