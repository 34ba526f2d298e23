"""Image files: unreadable, 16-bit, four channels, turned by EXIF, mono among colour."""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset

_TURNS = {2: "mirrored", 3: "by 180°", 4: "flipped", 5: "transposed", 6: "by 90°", 7: "transversed", 8: "by 270°"}


def check_files(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Problems of single files, in the order of the dataset."""
    del raw
    for name, facts in pixels.facts.items():
        if facts.problem is not None:
            yield Finding(facts.problem, facts.text, name)
        elif facts.orientation in _TURNS:
            yield Finding(Code.EXIF, f"EXIF orientation {facts.orientation} ({_TURNS[facts.orientation]})", name)


def check_mono(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Mono images: one line when all are, each by name when they are mixed with colour."""
    del raw
    readable = {name: facts for name, facts in pixels.facts.items() if facts.mode}
    mono = [name for name, facts in readable.items() if facts.mono]
    if mono and len(mono) == len(readable):
        yield Finding(Code.MONO, f"all {len(mono)} images are mono")
    else:
        yield from (Finding(Code.MONO, "mono among colour images", name) for name in mono)
