"""Compiled engines on disk: used only on the very machine, versions and bundle they were compiled for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lineproof.atomic import sync_folder, write_json
from lineproof.errors import EngineError

SEAL = "lineproof.json"  # the key in plain words and the hash of every file; written last, before the folder is renamed
_BUILDING = ".building-"
_DAY_S = 86_400
_MACHINE = ("gpu", "compute_capability", "driver", "onnxruntime", "tensorrt")

Facts = Mapping[str, str]


def cache_folder() -> Path:
    """Where lineproof keeps what can be had again: `$LINEPROOF_CACHE`, else the user's cache."""
    chosen = os.environ.get("LINEPROOF_CACHE")
    if chosen:
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lineproof"
    except RuntimeError:  # a user without a home, as in some containers: nothing is found there, nothing written
        return Path(os.devnull) / "lineproof"


@dataclass(frozen=True, slots=True)
class EngineCache:
    """The engines of one bundle."""

    bundle_digest: str
    root: Path = field(default_factory=lambda: cache_folder() / "engines")

    def folder(self, facts: Facts) -> Path:
        """Where the engine for these facts is, or would be: one folder for each machine, version and setting."""
        key = hashlib.sha256(_canonical(self._key(facts))).hexdigest()[:16]
        return self.root / self.bundle_digest[:16] / key

    def timings(self, facts: Facts) -> Path:
        """Where a compiler may note what it measured on this machine, for every bundle to come; made when missing."""
        machine = {name: facts[name] for name in _MACHINE if name in facts}
        folder = self.root / "timings" / hashlib.sha256(_canonical(machine)).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def ready(self, facts: Facts) -> Kept:
        """Look for an engine; one that is damaged or of another machine is removed, and `why` says so."""
        folder = self.folder(facts)
        if not _is_folder(folder):
            return Kept(folder, whole=False, why="")
        why = _fault(folder, self._key(facts))
        if why:
            shutil.rmtree(folder, ignore_errors=True)
        return Kept(folder, whole=not why, why=why)

    def build(self, facts: Facts, compile_into: Callable[[Path], None]) -> Path:
        """Compile into a folder beside, seal it and rename it: an engine is there whole, or not at all.

        Raises:
            EngineError: the cache cannot be written; whatever `compile_into` raises passes through.
        """
        target = self.folder(facts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _sweep(target.parent)
            part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{_BUILDING}{target.name}."))
        except OSError as error:
            raise _unwritable(target.parent, error) from None
        try:
            compile_into(part)
            write_json(part / SEAL, {"key": self._key(facts), "files": _hashes(part)})
            _move(part, target)
        except OSError as error:
            raise _unwritable(target, error) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return target

    def _key(self, facts: Facts) -> dict[str, str]:
        return {**facts, "bundle": self.bundle_digest}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cache holds: `whole` when the folder may be used, `why` when something had to be thrown away."""

    folder: Path
    whole: bool
    why: str


def _fault(folder: Path, key: Mapping[str, str]) -> str:
    """Why a folder must not be used; empty when every byte is as it was sealed.

    A runtime that reads a damaged engine may take the process down with it, so it never gets to see one.
    """
    try:
        seal = json.loads((folder / SEAL).read_bytes())
        if seal["key"] != key:
            return "it was compiled for another machine, version or bundle"
        files = _hashes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return "its seal cannot be read"
    if seal["files"] != files or not files:
        return "its files were changed or are incomplete"
    return ""


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except PermissionError:
        return False


def _hashes(folder: Path) -> dict[str, str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SEAL)
    hashes = {}
    for name in names:
        with (folder / name).open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _move(part: Path, target: Path) -> None:
    """Rename into place; a process that was faster has written the same, and its folder stays."""
    part.chmod(0o755)
    try:
        part.replace(target)
    except OSError:
        if not target.is_dir():
            raise
    sync_folder(target.parent)


def _sweep(folder: Path) -> None:
    """Remove what builds left behind that were killed; one that still runs is never a day old."""
    for part in folder.glob(f"{_BUILDING}*"):
        if time.time() - part.stat().st_mtime > _DAY_S:
            shutil.rmtree(part, ignore_errors=True)


def _canonical(key: Mapping[str, str]) -> bytes:
    return json.dumps(key, sort_keys=True).encode()


def _unwritable(folder: Path, error: OSError) -> EngineError:
    return EngineError(
        f"{folder}: the engine cache cannot be written ({error.strerror or error})",
        hint="set LINEPROOF_CACHE to a folder with room",
    )
