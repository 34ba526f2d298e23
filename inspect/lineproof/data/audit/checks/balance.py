"""Enough of everything: instances of each class, good parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset
from lineproof.data.formats.wording import count


def check_instances(least: int) -> Callable[[RawDataset, Pixels], Iterator[Finding]]:
    """A check for classes with fewer than `least` instances."""

    def check(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
        del pixels
        have = Counter(record.class_name for records in raw.records.values() for record in records)
        for name in raw.settings.classes:
            if have[name] < least:
                yield Finding(Code.FEW, f"{name}: {count(have[name], 'instance')}, fewer than {least}")

    return check


def check_good_parts(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Good parts in the dataset, and in each split held out."""
    del pixels
    good = [name for name in raw.sizes if not raw.records.get(name)]
    if not good:
        yield Finding(Code.NO_OK, "no image without a defect: overkill cannot be measured")
        return
    splits = {raw.split_of(name) for name in raw.sizes}
    for split in ("val", "test"):
        if split in splits and not any(raw.split_of(name) == split for name in good):
            yield Finding(Code.NO_OK, f"no good part in {split}: overkill cannot be measured there")
