"""`lineproof doctor`: what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from lineproof import __version__
from lineproof.cli.output import JsonFlag, emit, messages

# extra → (module that must be importable, distribution whose version is shown)
EXTRAS = {
    "cpu or gpu": [("onnxruntime", "onnxruntime")],
    "train": [
        ("torch", "torch"),
        ("ultralytics", "ultralytics"),
        ("albumentations", "albumentations"),
        ("onnx", "onnx"),
        ("safetensors", "safetensors"),
    ],
    "proof": [
        ("scipy", "scipy"),
        ("matplotlib", "matplotlib"),
        ("jinja2", "jinja2"),
        ("faster_coco_eval", "faster-coco-eval"),
    ],
}


def doctor(
    line: Annotated[
        Path | None, typer.Argument(help="try every camera, wire and folder of this line file", metavar="LINE.yaml")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what this machine has and lacks; with a line file, try all that it names and say how to mend what is wrong.

    The line must not be running: it holds its cameras, ports and records. Exit 1: something is wrong.

    Example: `lineproof doctor line.yaml`
    """
    if line is not None:
        _line(line, as_json=as_json)
        return
    facts: dict[str, object] = {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "lineproof": __version__,
        "packages": _packages(),
        "providers": _providers(),
        "cameras": _cameras(),
        "weights": os.environ.get("LINEPROOF_WEIGHTS", ""),
        "missing": _missing(),
    }
    emit(facts, _words(facts), as_json=as_json)


def _line(path: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from lineproof.cli.doctor_line import checks

    done = []
    for check in checks(path):
        done.append(check)
        if not as_json:
            style, mark = ("green", "ok") if check.ok else ("bold red", "wrong")
            messages.print(f"[{style}]{mark:<6}[/]{check.room:<9}", end="")
            messages.print(f"{check.name}: {check.found}", markup=False, soft_wrap=True)
    wrong = sum(not check.ok for check in done)
    emit(
        {"ok": wrong == 0, "checks": [asdict(check) for check in done]},
        "all is well" if not wrong else f"{wrong} of {len(done)} to mend",
        as_json=as_json,
    )
    if wrong:
        raise typer.Exit(1)


def _packages() -> dict[str, str]:
    found = {"opencv": "opencv-python-headless", "numpy": "numpy", "fastapi": "fastapi", "sqlalchemy": "sqlalchemy"}
    wanted = (
        found | {name: name for pairs in EXTRAS.values() for _, name in pairs} | {"onnxruntime-gpu": "onnxruntime-gpu"}
    )
    return {name: version for name, dist in wanted.items() if (version := _version(dist))}


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _providers() -> list[str]:
    """Execution providers built into the installed onnxruntime; the hardware may still refuse one."""
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _cameras() -> list[str]:
    """Video devices of this machine; none are opened, a line may be using them."""
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def _missing() -> dict[str, str]:
    """Extra → the command that brings it, for each with a module missing."""
    return {
        extra: f"pip install 'lineproof[{extra.split()[0]}]'"
        for extra, pairs in EXTRAS.items()
        if any(importlib.util.find_spec(module) is None for module, _ in pairs)
    }


def _words(facts: dict[str, object]) -> str:
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {item}" for key, item in value.items())
        elif isinstance(value, list):
            shown = ", ".join(map(str, value))
        else:
            shown = str(value)
        lines.append(f"{name:<11}{shown or 'none'}")
    return "\n".join(lines)
