"""Folders a person names: is it there and of the right kind, and may it be written."""

from __future__ import annotations

import zipfile
from pathlib import Path

from lineproof.errors import DatasetError


def require_folder(path: Path) -> Path:
    """The path, if it is a folder with something in it; raises DatasetError that says what it is instead."""
    if not path.exists():
        raise DatasetError(f"{path}: no such folder", hint="check the path")
    if not path.is_dir():
        if zipfile.is_zipfile(path):
            raise DatasetError(f"{path}: is a zip file, a folder is needed", hint="unpack it first")
        raise DatasetError(f"{path}: is a file, a folder is needed", hint="give the folder that holds it")
    if not any(path.iterdir()):
        raise DatasetError(f"{path}: the folder is empty", hint="check the path")
    return path


def require_free(out: Path, *, overwrite: bool, marker: str) -> None:
    """Refuse to write over anything but an empty folder or, when told so, a folder that holds the file `marker`."""
    if not out.exists():
        return
    if not out.is_dir():
        raise DatasetError(f"{out}: is a file", hint="choose another --out")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise DatasetError(f"{out}: is not empty", hint="choose another --out, or --overwrite to replace the dataset")
    if not (out / marker).is_file():
        raise DatasetError(f"{out}: is not a lineproof dataset, so it is not replaced", hint="choose another --out")
