"""A bundle as bytes: read from a folder or from one packed file, written atomically."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lineproof.atomic import put_in_place, sync_folder, write_bytes
from lineproof.bundle.manifest import MANIFEST
from lineproof.errors import BundleError

MAX_FILES = 500
MAX_FILE_BYTES = 1 << 30  # the largest model in sight is 300 MB
MAX_TOTAL_BYTES = 2 << 30
PACKED_SUFFIX = ".lpb"
_ENCRYPTED = 0x1  # bit 0 of a zip entry's flags (APPNOTE 4.4.4)

Files = Mapping[str, bytes]

_EXPORT = "give what `lineproof export` wrote"


def read_files(path: Path) -> dict[str, bytes]:
    """Every file of a bundle by its relative name.

    Raises:
        BundleError: nothing there, no bundle, links, or larger than any bundle is; one line that names it.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.is_file():
            return _read_packed(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    raise BundleError(f"{path}: no such bundle", hint="check the path")


def _read_folder(root: Path) -> dict[str, bytes]:
    names = sorted(_walk(root, root))
    if not names:
        raise BundleError(f"{root}: an empty folder, not a bundle", hint=_EXPORT)
    if MANIFEST not in names:
        raise BundleError(f"{root}: not a bundle, there is no {MANIFEST} in it", hint=_EXPORT)
    files: dict[str, bytes] = {}
    total = 0
    for name in names:
        total += (root / name).stat().st_size
        _check_size(root, name, (root / name).stat().st_size, total)
        files[name] = (root / name).read_bytes()
    return files


def _walk(root: Path, folder: Path) -> Iterator[str]:
    """Relative names of all regular files; anything else is refused."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            name = Path(entry.path).relative_to(root).as_posix()
            count += 1
            if count > MAX_FILES:
                raise BundleError(f"{root}: more than {MAX_FILES} files, not a bundle", hint=_EXPORT)
            if entry.is_symlink():
                raise BundleError(f"{root}: {name} is a link", hint="a bundle holds plain files only; copy it again")
            if entry.is_dir():
                yield from _walk(root, Path(entry.path))
            elif entry.is_file():
                yield name
            else:
                raise BundleError(f"{root}: {name} is not a plain file", hint="copy the bundle again")


def _read_packed(path: Path) -> dict[str, bytes]:
    if path.suffix == ".onnx":
        raise BundleError(
            f"{path}: a bare ONNX model, not a bundle", hint="it has no thresholds, classes or hashes; " + _EXPORT
        )
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise BundleError(f"{path}: a file, but no packed bundle", hint=_EXPORT)
    _check_size(path, path.name, path.stat().st_size, path.stat().st_size)
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _extract(path, archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, EOFError):
        raise BundleError(f"{path}: a damaged zip file, no packed bundle", hint=_EXPORT) from None
    if pack(files) != data:  # bytes no file of the bundle accounts for
        raise BundleError(f"{path}: changed after packing", hint="copy it again, or pack it again with `bundle pack`")
    return files


def _extract(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names:
        raise BundleError(f"{path}: a zip file, but no bundle: there is no {MANIFEST} at its top", hint=_EXPORT)
    if len(entries) > MAX_FILES or len(set(names)) != len(names):
        raise BundleError(f"{path}: too many or repeated names, not a bundle", hint=_EXPORT)
    if any(
        entry.compress_type != zipfile.ZIP_STORED or entry.is_dir() or entry.flag_bits & _ENCRYPTED for entry in entries
    ):
        raise BundleError(f"{path}: a zip file lineproof did not pack", hint="unpack it and give the folder")
    total = 0
    for entry in entries:
        total += entry.file_size
        _check_size(path, entry.filename, entry.file_size, total)
    return {entry.filename: archive.read(entry) for entry in entries}


def _check_size(path: Path, name: str, size: int, total: int) -> None:
    if size > MAX_FILE_BYTES or total > MAX_TOTAL_BYTES:
        raise BundleError(f"{path}: {name} makes it larger than any bundle is", hint=_EXPORT)


def pack(files: Files) -> bytes:
    """All files in one uncompressed zip; the same files always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # its date is 1980-01-01
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def write_folder(out: Path, files: Files, *, replace: bool) -> None:
    """All files, or none: built beside `out`, synced, then renamed.

    Raises:
        BundleError: `out` exists and is not a bundle to `replace`, or the disk did not take it; nothing is left
            half-written.
    """
    if out.exists() and not (replace and (out / MANIFEST).is_file()):
        raise BundleError(f"{out}: already exists", hint="choose another name or remove it first")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as build:
            fresh = Path(build) / "new"
            fresh.mkdir()
            for name, data in files.items():
                write_bytes(fresh / name, data)
            sync_folder(fresh)
            put_in_place(fresh, out)
    except OSError as error:
        raise BundleError(f"{out}: cannot be written ({error.strerror})", hint="check the disk") from None


def write_packed(out: Path, files: Files) -> None:
    """One file, or none; raises BundleError when it exists or the disk did not take it."""
    if out.exists():
        raise BundleError(f"{out}: already exists", hint="choose another name or remove it first")
    try:
        write_bytes(out, pack(files))
    except OSError as error:
        raise BundleError(f"{out}: cannot be written ({error.strerror})", hint="check the disk") from None
