"""Switches that keep training libraries from calling home, installing packages or printing banners."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

SWITCHES = {
    "NO_ALBUMENTATIONS_UPDATE": "1",  # albumentations asks its index for a newer version when it is imported
    "YOLO_AUTOINSTALL": "False",
    "YOLO_OFFLINE": "1",  # ultralytics takes the machine to be offline: no telemetry, no look-ups, no fonts
    "YOLO_VERBOSE": "False",
    "ULTRALYTICS_SAFE_LOAD": "1",  # checkpoints are read without executing what they carry
    "HF_HUB_DISABLE_TELEMETRY": "1",  # of the hub that timm's weights come from
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MPLBACKEND": "Agg",
}


def isolate() -> None:
    """Set the switches; whatever the caller's environment says about them, a factory network sees no call."""
    os.environ.update(SWITCHES)
    # OpenMP threads that wait by spinning starve whatever else runs: beside one busy process a training step took
    # twice as long with spinning threads as with sleeping ones.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # ultralytics keeps settings (synchronisation, experiment trackers) in a file of the user; ours is a folder apart.
    os.environ["YOLO_CONFIG_DIR"] = str(cache_folder() / "settings")


def undo_patches() -> None:
    """Give Pillow back its own `open`: that of ultralytics wants to install a package for bytes that are no image."""
    from ultralytics.utils import patches

    Image.open = patches._image_open


def cache_folder() -> Path:
    """Where lineproof keeps what can be had again: `$LINEPROOF_CACHE`, else the user's cache."""
    chosen = os.environ.get("LINEPROOF_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lineproof"


# The environment's own wish, read before ultralytics sets this variable to 1 for its own reasons.
_ASKED_THREADS = os.environ.get("OMP_NUM_THREADS", "")


def cpu_threads() -> int:
    """CPU threads training may use: all this process has, or `OMP_NUM_THREADS` of the environment."""
    if _ASKED_THREADS.isdecimal() and int(_ASKED_THREADS) > 0:
        return int(_ASKED_THREADS)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
