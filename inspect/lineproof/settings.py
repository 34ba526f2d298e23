"""Settings files: strict, frozen, every field described, errors as one short list."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lineproof.errors import SettingsError

Model = TypeVar("Model", bound="StrictModel")


class StrictModel(BaseModel):
    """Base of every settings section: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse_settings(data: object, model: type[Model], where: str) -> Model:
    """Validate a mapping; raises SettingsError with every problem on one line, the nearest key suggested."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{where}: " + "; ".join(_explain(item, model) for item in error.errors())) from None


def load_settings(path: Path, model: type[Model]) -> Model:
    """Read and validate a settings file."""
    from lineproof.yaml_file import read_yaml  # a bundle alone is opened without YAML: 15 ms of a start

    return parse_settings(read_yaml(path), model, str(path))


def first_problem(error: ValidationError) -> str:
    """The first thing wrong with a file that a program wrote, in one line: `files.model.onnx: String should match …`."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'file'}: {first['msg']}"


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
