"""The size recorded with the annotations against the size of the pixels."""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset


def check_sizes(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Boxes drawn on another size than the image has now lie elsewhere."""
    for name, facts in pixels.facts.items():
        recorded = raw.sizes[name]
        if facts.stored_wh == (0, 0) or recorded == facts.shown_wh:
            continue
        shown = "×".join(map(str, facts.shown_wh))
        if recorded is None:
            yield Finding(Code.SIZE, f"no size recorded, the image has {shown}", name)
        else:
            turned = ", as it is before EXIF turns it" if recorded == facts.stored_wh else ""
            yield Finding(Code.SIZE, f"recorded {recorded[0]}×{recorded[1]}{turned}, the image has {shown}", name)
