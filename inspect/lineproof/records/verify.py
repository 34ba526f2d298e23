"""Are the records what was written? Every row and every image, hashed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lineproof.records.chain import Head
from lineproof.records.chain_check import ChainCheck, facts_of, name_of, names_of
from lineproof.records.database import reason
from lineproof.records.images import days, own_images, temporary_files
from lineproof.records.model import InspectionRow
from lineproof.records.read import Records
from lineproof.records.rows import row_sha256

# A check that retention overtook is done again; it removes rows once a minute, except when it catches up.
_TRIES = 3


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
    before_chain: int = 0  # rows that only their own checksum vouches for: they were there before the chain
    chained: int = 0  # entries of the chain up to its first break, removed ones included
    head: Head | None = None  # to be noted elsewhere: against it a cut or rewritten tail is seen
    head_kept: bool = False  # a head file was there to compare with


def verify(records: Records, progress: Callable[[], None] = lambda: None, noted: Head | None = None) -> Verification:
    """Check the database's own structure, every row's checksum, the chain and every image.

    `noted` is a head that was kept elsewhere. Raises RecordError if the database is unreadable.
    """
    for _ in range(_TRIES):
        found, overtaken = _verify_once(records, progress, noted)
        if not overtaken:
            break
    return found


def _verify_once(records: Records, progress: Callable[[], None], noted: Head | None) -> tuple[Verification, bool]:
    """What was found, and whether it means nothing because retention removed rows meanwhile."""
    damages = [Damage("database", problem) for problem in _database_problems(records)]
    rows = images = removed = before = 0
    named: set[str] = set()
    chain = ChainCheck(records, noted)
    for row in records.rows():
        rows += 1
        before += row.position is None
        removed += row.image_removed_at is not None
        damages.extend(Damage(name_of(row), why) for why in _row_problems(row))
        chain.take(row)
        if row.image_path is not None:
            images += 1
            named.add(row.image_path)
            damages.extend(_image_problem(records, row))
        progress()
    breaks = chain.finish()
    damages.extend(Damage(broken.what, broken.why) for broken in breaks)
    found = Verification(
        rows,
        images,
        removed,
        _unnamed(records.folder, named),
        tuple(damages),
        before_chain=before,
        chained=chain.length,
        head=chain.head,
        head_kept=chain.kept is not None,
    )
    return found, bool(breaks) and chain.overtaken


def _row_problems(row: InspectionRow) -> list[str]:
    if row_sha256(facts_of(row), names_of(row)) == row.row_sha256:
        return []
    return ["was changed after writing"]


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
