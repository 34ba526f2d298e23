"""One YAML mapping from disk, without the parts of YAML that can do harm."""

from __future__ import annotations

from pathlib import Path

import yaml

from lineproof.errors import SettingsError

# A hand-written file is a few kB; anything near this is not one (guards against alias bombs).
MAX_YAML_BYTES = 1_000_000


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
