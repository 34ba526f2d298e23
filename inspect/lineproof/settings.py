"""Settings files: strict, frozen, every field described, errors as one short list."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from lineproof.errors import SettingsError

Model = TypeVar("Model", bound="StrictModel")

# A hand-written file is a few kB; anything near this is not one (guards against alias bombs).
MAX_YAML_BYTES = 1_000_000


class StrictModel(BaseModel):
    """Base of every settings section: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _NoAliasLoader(yaml.SafeLoader):
    """Safe YAML without aliases: a settings file has no need of them, and they multiply."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed in settings files")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> dict[str, object]:
    """Read one YAML mapping; raises SettingsError naming the file and the line."""
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise SettingsError(f"{path}: larger than {MAX_YAML_BYTES} bytes", hint="this is not a settings file")
        data = yaml.load(path.read_text("utf-8"), Loader=_NoAliasLoader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file", hint="check the path") from None
    except (IsADirectoryError, PermissionError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as text ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise SettingsError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: expected `key: value` lines, got {type(data).__name__}")
    return {str(key): value for key, value in data.items()}


def parse_settings(data: object, model: type[Model], where: str) -> Model:
    """Validate a mapping; raises SettingsError with every problem on one line, the nearest key suggested."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{where}: " + "; ".join(_explain(item, model) for item in error.errors())) from None


def load_settings(path: Path, model: type[Model]) -> Model:
    """Read and validate a settings file."""
    return parse_settings(read_yaml(path), model, str(path))


def _explain(item: object, model: type[BaseModel]) -> str:
    """One problem in a technician's words: `rules.scratch.scor: unknown key, did you mean 'score'?`."""
    from difflib import get_close_matches

    details = dict(item)  # type: ignore[call-overload]
    place = ".".join(str(part) for part in details["loc"]) or "file"
    if details["type"] != "extra_forbidden":
        return f"{place}: {details['msg']}"
    key = str(details["loc"][-1])
    near = get_close_matches(key, _known_keys(model), n=1)
    return f"{place}: unknown key" + (f", did you mean '{near[0]}'?" if near else "")


def _known_keys(model: type[BaseModel]) -> set[str]:
    """Every key of a model and of the models inside it."""
    names: set[str] = set()
    schema = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        names.update(part.get("properties", {}))
    return names
