"""The weights of a run alone, small, with everything that made them: how the base of this package was made."""

from __future__ import annotations

import json
from pathlib import Path

from lineproof.adapt.network import read_safetensors, save_network
from lineproof.adapt.run_folder import RunFolder
from lineproof.errors import InputError


def export_base(run: Path, out: Path, *, overwrite: bool = False) -> dict[str, object]:
    """Write the best network of a run in half precision as `.safetensors`; the metadata says how it was trained.

    Raises:
        InputError: no run, nothing trained yet, another suffix, or the file is there already.
    """
    folder = RunFolder.existing(run)
    if not folder.best.is_file():
        raise InputError(f"{run}: no epoch was finished yet", hint="go on with `lineproof train … --resume`")
    if out.suffix != ".safetensors":
        raise InputError(f"{out}: a base is a .safetensors file", hint="add the suffix to --out")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: is there already", hint="choose another --out, or --overwrite")
    record = folder.read()
    weights = read_safetensors(folder.best)
    facts = {
        # Weights trained from random numbers on drawn images; what AGPL-3.0 means for the trainer is in the README.
        "licence": record.base.licence if record.base else "Apache-2.0",
        "origin": f"base {record.base.name}"
        if record.base
        else "trained from scratch by lineproof on generated images",
        "dataset_hash": record.dataset_hash,
        "recipe": json.dumps(record.recipe.model_dump(mode="json"), sort_keys=True),
        "best_epoch": str(record.best_epoch),
        "lineproof": record.lineproof,
    }
    sha256 = save_network(out, weights.network(), weights.architecture, facts, half=True)
    return {"base": str(out), "bytes": out.stat().st_size, "sha256": sha256}
