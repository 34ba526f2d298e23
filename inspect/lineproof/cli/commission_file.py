"""Learnt values into a line file that a person wrote: their comments, order and line ends stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from lineproof.errors import SettingsError
from lineproof.linefile import LineFile
from lineproof.settings import parse_settings

_BEGIN, _END = "# >>> lineproof commission", "# <<< lineproof commission"
Values = dict[str, object]


def read_text(path: Path) -> str:
    """The file with its line ends as they are; raises SettingsError."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as text ({type(error).__name__})") from None


def learnt_before(text: str) -> Values:
    """What an earlier commissioning wrote: `quality`, `commissioned` and `regions`, as far as they are there."""
    return _loaded(_cut(text)[1])


def with_values(text: str, learnt: Values, mm_per_px: float | None, about: str) -> str:
    """The text with `learnt` as a block at its end (see `learnt_before`) and `rules.mm_per_px` in its place.

    What an earlier block held and `learnt` does not is kept, other views of a station too.

    Raises:
        SettingsError: such a section was written by hand, or the text cannot be changed without a risk.
    """
    own, block = _cut(text)
    before = _loaded(own)
    for name in learnt:
        if name in before:
            raise SettingsError(
                f"`{name}` was written by hand", hint=f"remove the `{name}` section, then commission again"
            )
    changed = own if mm_per_px is None else _with_scale(own, mm_per_px)
    held = _merged(_loaded(block), learnt)
    if held:
        newline = _newline(text)
        changed = changed.rstrip() + newline + newline.join(["", *_block(held, about), ""])
    _require_same(changed, before | held, mm_per_px)
    return changed


def _merged(before: Values, learnt: Values) -> Values:
    """Of `commissioned` each view by itself, everything else as a whole."""
    stations = dict(cast("dict[str, Values]", before.get("commissioned", {})))
    for name, views in cast("dict[str, Values]", learnt.get("commissioned", {})).items():
        stations[name] = stations.get(name, {}) | views
    return before | learnt | ({"commissioned": stations} if stations else {})


def _cut(text: str) -> tuple[str, str]:
    """The text without the generated block, and the block."""
    lines = text.splitlines(keepends=True)
    marks = [row for row, line in enumerate(lines) if line.startswith((_BEGIN, _END))]
    if not marks:
        return text, ""
    ordered = len(marks) == 2 and lines[marks[0]].startswith(_BEGIN) and lines[marks[1]].startswith(_END)
    if not ordered:
        raise SettingsError(
            f"line {marks[0] + 1}: the marks of an earlier commissioning do not form one block",
            hint=f"remove the lines `{_BEGIN}` to `{_END}`",
        )
    first, last = marks
    return "".join(lines[:first] + lines[last + 1 :]), "".join(lines[first : last + 1])


def _block(values: Values, about: str) -> list[str]:
    lines = [f"{_BEGIN}, {about}; the next commissioning replaces what is between the marks"]
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{name}:", *_mapping(value, "  ")]
        else:
            lines.append(f"{name}: {_flow(value)}")
    return [*lines, _END]


def _mapping(values: Mapping[str, object], indent: str) -> list[str]:
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", *_mapping(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {_flow(value)}")
    return lines


def _flow(value: object) -> str:
    """JSON is YAML; an ensured-ASCII string has no character that a reader could take for something else."""
    return json.dumps(value)


def _with_scale(text: str, mm_per_px: float) -> str:
    number, newline = f"{mm_per_px:.5g}", _newline(text)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise SettingsError("the file is no block of `key: value` lines", hint="write one key a line")
    rules = _child(root, "rules")
    if rules is None:
        return f"{text.rstrip()}{newline}rules:{newline}  mm_per_px: {number}{newline}"
    if not isinstance(rules, yaml.MappingNode):  # `rules:` with nothing behind it
        at = rules.start_mark.index
        return f"{text[:at].rstrip(' ')} {{mm_per_px: {number}}}{text[rules.end_mark.index :]}"
    there = _child(rules, "mm_per_px")
    if there is not None:
        return text[: there.start_mark.index] + number + text[there.end_mark.index :]
    if rules.flow_style:
        at = rules.start_mark.index + 1
        return f"{text[:at]}mm_per_px: {number}{', ' if rules.value else ''}{text[at:]}"
    first = rules.value[0][0].start_mark
    return f"{text[: first.index]}mm_per_px: {number}{newline}{' ' * first.column}{text[first.index :]}"


def _child(node: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in node.value if key.value == name), None)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _loaded(text: str) -> Values:
    return cast("Values", yaml.safe_load(text) or {})


def _require_same(text: str, expected: Values, mm_per_px: float | None) -> None:
    """The text must say what it said, and the new values: a file is never half understood."""
    if mm_per_px is not None:
        rules = dict(cast("Values", expected.get("rules") or {})) | {"mm_per_px": float(f"{mm_per_px:.5g}")}
        expected = expected | {"rules": rules}
    try:
        found = _loaded(text)
    except yaml.YAMLError:
        found = {}
    if found != expected:
        raise SettingsError(
            "the learnt values cannot be written into this file without changing other lines",
            hint="write one key a line and no document end, then commission again",
        )
    parse_settings(found, LineFile, "the new line file")
