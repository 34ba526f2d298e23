"""Images without a defect where all their neighbours have one: most likely nobody annotated them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset

# A series: one folder, file names that differ in numbers only. Of so many images, so large a share with the same class,
# an image without any is suspect (magnetic tile: 99 of the 103 files in MT_Uneven, and the 4 are missing labels).
LEAST_IMAGES, LEAST_SHARE = 10, 0.9


def check_unlabelled(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Images called good in a series of defects."""
    del pixels
    series: defaultdict[str, list[str]] = defaultdict(list)
    for name in raw.sizes:
        series[_series(name)].append(name)
    for names in series.values():
        classes = Counter(c for name in names for c in {record.class_name for record in raw.records.get(name, [])})
        common, images = max(classes.items(), key=lambda item: item[1], default=("", 0))
        if len(names) < LEAST_IMAGES or images < LEAST_SHARE * len(names):
            continue
        for name in names:
            if not raw.records.get(name):
                yield Finding(Code.UNLABELLED, f"no defect, but {images} of {len(names)} beside it have {common}", name)


def _series(name: str) -> str:
    """The folder where there is one, else the file name without its numbers."""
    path = PurePosixPath(name)
    return str(path.parent) if path.parent.name else re.sub(r"\d+", "#", path.stem)
