"""After `kill -9`: files that no row names are removed; never one that another session wrote and nobody let go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lineproof.records.images import IMAGES, days, own_images, temporary_files, unique_end
from lineproof.records.store import Store


def sweep(folder: Path, store: Store, killed_since_s: float, *, images: bool) -> int:
    """Remove what a killed writer left; `killed_since_s` is when it began, in seconds since 1970.

    These are temporary files, images that retention let go and had not removed yet, and (when `images`) images written since
    then that no row names. Returns how many files went. Raises OSError, SQLAlchemyError.
    """
    leftovers = set(_let_go(folder, store, killed_since_s))
    for day in days(folder):
        if day.stat().st_mtime < killed_since_s:
            continue  # nothing was added or removed since
        leftovers.update(temporary_files(day))
        if images:
            recent = [path for path in own_images(day) if path.stat().st_mtime >= killed_since_s]
            names = {path.relative_to(folder).as_posix(): path for path in recent}
            named = store.named_images(list(names))
            leftovers.update(path for name, path in names.items() if name not in named)
    for path in leftovers:
        path.unlink()
    return len(leftovers)


def _let_go(folder: Path, store: Store, since_s: float) -> Iterator[Path]:
    """Images whose rows were told first that they are gone; killed before the files were removed."""
    ends: dict[str, list[str]] = {}
    for grabbed_at, inspection_id in store.images_removed_since(datetime.fromtimestamp(since_s, UTC)):
        ends.setdefault(f"{grabbed_at:%Y-%m-%d}", []).append(f"_{unique_end(inspection_id)}")
    for name, unique in ends.items():
        day = folder / IMAGES / name
        if day.is_dir():
            yield from (path for path in own_images(day) if path.stem.endswith(tuple(unique)))
