"""Open a bundle: every byte is checked before anything in it is used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lineproof.bundle.manifest import MANIFEST, MODEL, SEAL, Manifest, parse_manifest
from lineproof.bundle.probes import Probe, ProbeTolerance, read_probes
from lineproof.bundle.storage import read_files
from lineproof.errors import BundleError

_SEAL_LINE = re.compile(rb"([0-9a-f]{64})  manifest\.json\n")
_AGAIN = "copy the bundle again from where it was exported"


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle; `model` and the probes are the very bytes whose hashes were checked."""

    path: Path
    manifest: Manifest
    digest: str  # sha256 of manifest.json, hex: names this bundle in every record
    model: bytes
    probes: tuple[Probe, ...]
    tolerance: ProbeTolerance
    extras: Mapping[str, bytes]  # further files by name, such as proof.json


def open_bundle(path: Path) -> Bundle:
    """Read a bundle folder or a packed file.

    Raises:
        BundleError: it is no bundle, or a file was changed, added or removed after sealing; names the file.
    """
    files = read_files(path)
    manifest, digest = _verify(path, files)
    probes, tolerance = read_probes(files, str(path))
    extras = {name: files[name] for name in manifest.files if name != MODEL and not name.startswith("probes/")}
    return Bundle(path, manifest, digest, files[MODEL], probes, tolerance, extras)


def _verify(path: Path, files: Mapping[str, bytes]) -> tuple[Manifest, str]:
    """The manifest and its digest, once every file has the hash it was sealed with."""
    digest = _verify_manifest(path, files)
    manifest = parse_manifest(files[MANIFEST], str(path))
    if MODEL not in manifest.files:
        raise BundleError(f"{path}: {MANIFEST} names no {MODEL}", hint="export the bundle again")
    for name, sealed in manifest.files.items():
        if name not in files:
            raise BundleError(f"{path}: {name} is missing", hint=_AGAIN)
        if hashlib.sha256(files[name]).hexdigest() != sealed:
            raise BundleError(f"{path}: {name} was changed after sealing", hint=_AGAIN)
    added = sorted(set(files) - set(manifest.files) - {MANIFEST, SEAL})
    if added:
        raise BundleError(f"{path}: {added[0]} was added after sealing", hint="remove it, or copy the bundle again")
    return manifest, digest


def _verify_manifest(path: Path, files: Mapping[str, bytes]) -> str:
    if SEAL not in files:
        raise BundleError(f"{path}: {SEAL} is missing", hint=_AGAIN)
    line = _SEAL_LINE.fullmatch(files[SEAL])
    if line is None:
        raise BundleError(f"{path}: {SEAL} was changed after sealing", hint=_AGAIN)
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    if digest != line[1].decode():
        raise BundleError(f"{path}: {MANIFEST} (or {SEAL}) was changed after sealing", hint=_AGAIN)
    return digest
