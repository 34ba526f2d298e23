"""Groups – parts or lots whose images must stay in one split – from a CSV file or a pattern on the file name."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lineproof.data.formats.wording import count, near, some
from lineproof.data.formats.yolo_label import read_text
from lineproof.data.names import NameBook
from lineproof.errors import DatasetError


def read_groups(group_by: str, names: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """The group of every image name, from a `.csv` file with columns image, group, or from a pattern with one (…).

    `known` are names a CSV may mention although they are not imported.

    Raises:
        DatasetError: the file or pattern cannot be used, or leaves an image without a group.
    """
    if group_by.lower().endswith(".csv"):
        return groups_from_csv(Path(group_by), names, known)
    return groups_from_pattern(group_by, names)


def groups_from_pattern(pattern: str, names: Sequence[str]) -> dict[str, str]:
    """What the one bracket of the pattern finds in each file name, folders left out."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DatasetError(f"--group-by {pattern!r}: not a valid pattern ({error})") from None
    if compiled.groups != 1:
        raise DatasetError(
            f"--group-by {pattern!r}: {count(compiled.groups, 'bracket')}, expected one around the part",
            hint=r"for example '(.*)_\d+\.jpg'",
        )
    groups = {}
    for name in names:
        match = compiled.search(PurePosixPath(name).name)
        if match and match.group(1):
            groups[name] = match.group(1)
    _require_all(names, groups, f"--group-by {pattern!r}: finds nothing in")
    return groups


def groups_from_csv(path: Path, names: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Groups by the columns `image` and `group`; image names may lack folder and suffix."""
    rows = csv.DictReader(read_text(path).splitlines())
    columns = [column.strip().lower() for column in rows.fieldnames or []]
    for wanted in ("image", "group"):
        if wanted not in columns:
            raise DatasetError(
                f"{path}, line 1: no column {wanted!r}{near(wanted, columns)}", hint="first line: image,group"
            )
    rows.fieldnames = columns
    book = NameBook(known)
    groups: dict[str, str] = {}
    strange = []
    for row in rows:
        image, group = (row["image"] or "").strip(), (row["group"] or "").strip()
        where = f"{path}, line {rows.line_num}"
        if not image or not group:
            raise DatasetError(f"{where}: image or group is empty")
        name = book.find(image)
        if name is None:
            strange.append(image)
        elif groups.setdefault(name, group) != group:
            raise DatasetError(f"{where}: {image} is in group {groups[name]!r} and in {group!r}")
    if strange:
        raise DatasetError(f"{path}: {count(len(strange), 'image')} that the dataset does not have: {some(strange)}")
    _require_all(names, groups, f"{path}: no group for")
    return groups


def _require_all(names: Sequence[str], groups: dict[str, str], what: str) -> None:
    """An image left alone could cross a split beside its twins, so it is refused instead."""
    missing = [name for name in names if name not in groups]
    if missing:
        raise DatasetError(f"{what} {count(len(missing), 'image')} of {len(names)}: {some(missing)}")
