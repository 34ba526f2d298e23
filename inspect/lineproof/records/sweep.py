"""After `kill -9`: files that no row names are removed; never one that another session wrote."""

from __future__ import annotations

from pathlib import Path

from lineproof.records.images import days, own_images, temporary_files
from lineproof.records.store import Store


def sweep(folder: Path, store: Store, killed_since_s: float, *, images: bool) -> int:
    """Remove temporary files, and images (when `images`) written since the killed writer began that no row names.

    Returns how many files went. Raises OSError, SQLAlchemyError.
    """
    removed = 0
    for day in days(folder):
        if day.stat().st_mtime < killed_since_s:
            continue  # nothing was added or removed since
        leftovers = list(temporary_files(day))
        if images:
            recent = [path for path in own_images(day) if path.stat().st_mtime >= killed_since_s]
            names = {path.relative_to(folder).as_posix(): path for path in recent}
            named = store.named_images(list(names))
            leftovers += [path for name, path in names.items() if name not in named]
        for path in leftovers:
            path.unlink()
        removed += len(leftovers)
    return removed
