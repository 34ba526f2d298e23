"""Image files rewritten so that every reader sees the same: EXIF turn in the pixels, no alpha that hides nothing."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps

from lineproof.data.audit.pixels import ImageFacts


def bake(source: Path, facts: ImageFacts, target: Path) -> bool:
    """Write a readable image as PNG, without loss; False when its alpha channel hides something.

    Pillow and not `core.decode`, which refuses alpha on purpose.
    """
    with Pillow.open(source) as opened:
        picture = ImageOps.exif_transpose(opened)
    if facts.alpha:
        lowest = picture.getchannel("A").getextrema()[0]
        if lowest != 255:
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("L" if facts.mono else "RGB").save(target, "PNG")
    return True
