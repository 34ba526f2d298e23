"""Where the YAML files that come with lineproof are: beside the code in a wheel, in `configs/` of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lineproof.errors import SettingsError

Kind = Literal["recipes", "augment", "acceptance", "scenarios"]

_PACKAGE = Path(__file__).resolve().parent
_HOMES = (_PACKAGE / "_configs", _PACKAGE.parent.parent / "configs")


def find_preset(kind: Kind, name: str) -> Path:
    """The file of a preset by name, or the file named; raises SettingsError with the names there are."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    for home in _HOMES:
        path = home / kind / f"{name}.yaml"
        if path.is_file():
            return path
    raise SettingsError(
        f"no {kind.removesuffix('s')} {name!r}", hint=f"there are {', '.join(preset_names(kind))}; or name a .yaml file"
    )


def preset_names(kind: Kind) -> list[str]:
    """Names of the presets that came with lineproof."""
    return sorted({path.stem for home in _HOMES for path in (home / kind).glob("*.yaml")})
