"""Do the images on disk, in the annotations and in `dataset.yaml` agree; do both class lists."""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset
from lineproof.data.layout import ANNOTATIONS, SETTINGS


def check_listing(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Images that one place has and another has not."""
    del pixels
    files, annotated, listed = set(raw.files), set(raw.sizes), set(raw.settings.images)
    for name in sorted(files - annotated):
        yield Finding(Code.NO_ENTRY, f"no entry in {ANNOTATIONS}", name)
    for name in sorted(annotated - files):
        yield Finding(Code.NO_FILE, "no such file in images/", name)
    for name in sorted(annotated - listed):
        yield Finding(Code.NOT_IN_SETTINGS, f"not in {SETTINGS}", name)
    for name in sorted(listed - annotated):
        yield Finding(Code.NOT_IN_SETTINGS, f"in {SETTINGS} only", name)


def check_classes(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """One list of classes, in one order; records of a class that only the annotations know."""
    del pixels
    known, written = tuple(raw.settings.classes), raw.categories
    if known != written:
        order = "another order" if sorted(known) == sorted(written) else "other classes"
        yield Finding(
            Code.CLASS_LIST, f"{SETTINGS} has {', '.join(known)}; {ANNOTATIONS} {order}: {', '.join(written)}"
        )
    for name, records in raw.records.items():
        for record in records:
            if record.class_name not in known:
                yield Finding(Code.UNKNOWN_CLASS, f"{record.class_name!r} is not in {SETTINGS}", name, record.place)
