"""Are the records what was written? Every row and every image, hashed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lineproof.records.database import reason
from lineproof.records.images import days, own_images, temporary_files
from lineproof.records.model import HASHED, InspectionRow
from lineproof.records.read import Records
from lineproof.records.rows import row_sha256


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written."""

    what: str  # a row or an image
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what was wrong."""

    rows: int
    images: int
    removed_images: int  # by retention: no damage
    unnamed_files: int  # of a killed writer; removed when the line starts again
    damages: tuple[Damage, ...]


def verify(records: Records, progress: Callable[[], None] = lambda: None) -> Verification:
    """Check the database's own structure, every row's checksum and every image; raises RecordError if unreadable."""
    damages = [Damage("database", problem) for problem in _database_problems(records)]
    rows = images = removed = 0
    named: set[str] = set()
    for row in records.rows():
        rows += 1
        if row_sha256({name: getattr(row, name) for name in HASHED}) != row.row_sha256:
            damages.append(Damage(f"row {row.sequence} (part {row.part_id})", "was changed after writing"))
        removed += row.image_removed_at is not None
        if row.image_path is not None:
            images += 1
            named.add(row.image_path)
            damages.extend(_image_problem(records, row))
        progress()
    return Verification(rows, images, removed, _unnamed(records.folder, named), tuple(damages))


def _database_problems(records: Records) -> list[str]:
    if records.engine.dialect.name != "sqlite":
        return []
    try:
        with records.engine.connect() as connection:
            answers = [str(line) for line in connection.execute(text("PRAGMA integrity_check(20)")).scalars()]
    except SQLAlchemyError as error:
        return [reason(error)]
    return [answer for answer in answers if answer != "ok"]


def _image_problem(records: Records, row: InspectionRow) -> list[Damage]:
    path = str(row.image_path)
    try:
        digest = hashlib.sha256((records.folder / path).read_bytes()).hexdigest()
    except OSError as error:
        gone = isinstance(error, FileNotFoundError) and not records.names_image(
            row
        )  # retention, since the row was read
        return [] if gone else [Damage(path, f"cannot be read ({error.strerror})")]
    return [] if digest == row.image_sha256 else [Damage(path, "was changed after writing")]


def _unnamed(folder: Path, named: set[str]) -> int:
    unnamed = 0
    for day in days(folder):
        unnamed += sum(1 for _ in temporary_files(day))
        unnamed += sum(path.relative_to(folder).as_posix() not in named for path in own_images(day))
    return unnamed
