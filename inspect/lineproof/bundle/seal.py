"""Write a bundle: all of it, hashed, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from lineproof.bundle.manifest import MANIFEST, MODEL, SEAL, Manifest
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.bundle.probes import Probe, write_probes
from lineproof.bundle.storage import write_folder
from lineproof.errors import BundleError


def seal(
    out: Path,
    manifest: Manifest,
    model: bytes,
    probes: tuple[Probe, ...] = (),
    *,
    extras: Mapping[str, bytes] | None = None,
    replace: bool = False,
) -> Bundle:
    """Write manifest, model, probes and other files (such as proof.json) as a bundle folder, and open it again.

    The manifest's `files` are filled in here. Raises BundleError when `out` exists (unless `replace`), the disk is
    full, or what was written does not verify; nothing half-written is left.
    """
    content = {MODEL: model, **write_probes(probes), **(extras or {})}
    reserved = [name for name in (MANIFEST, SEAL) if name in content]
    if reserved:
        raise BundleError(f"{out}: {reserved[0]} is written by the seal itself", hint="give it another name")
    return write_sealed(out, manifest, content, replace=replace)


def write_sealed(out: Path, manifest: Manifest, content: Mapping[str, bytes], *, replace: bool) -> Bundle:
    """Hash the files, write them with the manifest that names them, and open what was written."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    text = Manifest.model_validate({**dict(manifest), "files": hashes}).to_json()
    line = f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()
    write_folder(out, {**content, MANIFEST: text, SEAL: line}, replace=replace)
    return open_bundle(out)
