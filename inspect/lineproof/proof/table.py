"""Tables that people fill in: CSV as spreadsheets write it, every mistake named by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lineproof.errors import InputError


class Row(NamedTuple):
    """One line that says something."""

    line: int
    cells: dict[str, str]  # by column name in lower case; blanks at the ends and doubled ones are gone


def read_table(path: Path, columns: Sequence[str], *, hint: str) -> Iterator[Row]:
    """Rows of a CSV file with at least these columns, in any order; `,`, `;` and tab separate, others are kept.

    Args:
        path: the file.
        columns: names that must stand in the first line, each once.
        hint: what to do when they do not.

    Raises:
        InputError: the file cannot be read, is no CSV, or lacks a column; or a line has too few or too many cells.
    """
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names: list[str] = []
    try:
        for raw in reader:
            cells = [" ".join(cell.split()) for cell in raw]
            if not any(cells):
                continue
            where = f"{path}, line {reader.line_num}"
            if not names:
                names = [cell.lower() for cell in cells]
                _check_columns(names, columns, where, hint)
            elif len(cells) < len(names) or any(cells[len(names) :]):
                raise InputError(f"{where}: {len(cells)} columns, expected {len(names)}")
            else:
                yield Row(reader.line_num, dict(zip(names, cells, strict=False)))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: no CSV ({error})") from None
    if not names:
        raise InputError(f"{path}: empty", hint=hint)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # spreadsheets write a byte order mark
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8", hint="save it as CSV UTF-8") from None


def _check_columns(names: Sequence[str], columns: Sequence[str], where: str, hint: str) -> None:
    for wanted in columns:
        if names.count(wanted) != 1:
            raise InputError(f"{where}: {names.count(wanted)} columns {wanted!r}, expected 1", hint=hint)
