"""Weights of a timm model: a file that was named, one lying ready, or one from the hub; never a silent download."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import timm
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from lineproof.adapt.features.names import SUFFIXES, TimmName
from lineproof.adapt.isolation import cache_folder
from lineproof.errors import WeightsError

Say = Callable[[str], None]

_ON_HUB = "model.safetensors"
_PATIENCE_S = 10.0  # for the hub's answer; a plant's firewall often swallows packets instead of refusing them


def find_weights_file(name: TimmName, say: Say) -> Path:
    """The file with this model's weights.

    Raises:
        WeightsError: it is nowhere; says where it was looked for and how to get it.
    """
    if name.file is not None:
        if not name.file.is_file():
            raise WeightsError(f"{name.file}: no such file", hint="check the path given with --base")
        return name.file
    tried: list[str] = []
    for folder in _folders():
        for stem in name.stems:
            for suffix in SUFFIXES:
                path = folder / f"{stem}{suffix}"
                if path.is_file():
                    return path
        tried.append(f"{folder}/{name.asked}.*")
    found = _from_hub(name, say, tried)
    if found is not None:
        return found
    raise WeightsError(
        f"weights of {name.asked} not found; looked for {', '.join(tried)}",
        hint=f"put {name.asked}.safetensors (timm's {name.full}) into a folder and set LINEPROOF_WEIGHTS to it, "
        "or take --base yolov8n or lineproof-n",
    )


def _folders() -> list[Path]:
    told = os.environ.get("LINEPROOF_WEIGHTS")
    return [*([Path(told)] if told else []), cache_folder() / "weights"]


def _from_hub(name: TimmName, say: Say, tried: list[str]) -> Path | None:
    """The hub's file: from its local cache, else downloaded; None, with the reason added to `tried`."""
    config = timm.get_pretrained_cfg(name.full)
    if config is None or not config.hf_hub_id:
        tried.append("the hub: it has none of this model")
        return None
    offline = bool(os.environ.get("LINEPROOF_OFFLINE"))
    where, _, revision = config.hf_hub_id.partition("@")
    if not offline:
        say(f"weights of {name.asked}: from {where} on the hub, or its cache on this machine")
    try:
        path = hf_hub_download(
            where, _ON_HUB, revision=revision or None, etag_timeout=_PATIENCE_S, local_files_only=offline
        )
    except (LocalEntryNotFoundError, EntryNotFoundError, HfHubHTTPError, OSError) as error:
        tried.append(f"{where} on the hub ({_reason(error, offline=offline)})")
        return None
    return Path(path)


def _reason(error: Exception, *, offline: bool) -> str:
    if offline:
        return "only its cache on this machine: LINEPROOF_OFFLINE is set"
    if isinstance(error, LocalEntryNotFoundError):
        return "not reachable from this machine"
    return str(error).strip().splitlines()[0][:80]
