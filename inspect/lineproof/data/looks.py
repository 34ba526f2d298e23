"""How often the locked parts of a dataset were looked at: kept beside the images, so that a fresh export does not forget."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from lineproof.atomic import write_json
from lineproof.bundle.proof_file import Look
from lineproof.core import Sample
from lineproof.errors import DatasetError
from lineproof.settings import StrictModel

LOOKS = "looks.json"


class _File(StrictModel):
    schema_version: int = 1
    looks: tuple[Look, ...] = ()


def parts_hash(samples: Sequence[Sample], sha256: Sequence[str]) -> str:
    """sha256 (hex) of which images, in which groups, a split holds; their names and order do not matter."""
    rows = sorted(f"{digest} {sample.group}" for sample, digest in zip(samples, sha256, strict=True))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def read_looks(root: Path) -> tuple[Look, ...]:
    """Every look so far; raises DatasetError when the file cannot be read."""
    path = root / LOOKS
    if not path.exists():
        return ()
    try:
        return _File.model_validate(json.loads(path.read_text("utf-8"))).looks
    except (OSError, ValueError, ValidationError) as error:
        raise DatasetError(
            f"{path}: cannot be read ({str(error).splitlines()[0]})",
            hint="restore it: it says how often the test parts were used",
        ) from None


def write_looks(root: Path, looks: Sequence[Look]) -> None:
    """All looks, in place of those before; raises DatasetError when the folder cannot be written."""
    try:
        write_json(root / LOOKS, _File(looks=tuple(looks)).model_dump(mode="json"))
    except OSError as error:
        raise DatasetError(
            f"{root}: the look at its test parts cannot be noted ({error.strerror})", hint="make the folder writable"
        ) from None


def joined(*ledgers: Sequence[Look]) -> tuple[Look, ...]:
    """Looks of several places, each once, the oldest first."""
    found = {(look.at, look.by, look.split_hash, look.model): look for ledger in ledgers for look in ledger}
    return tuple(found[key] for key in sorted(found))
