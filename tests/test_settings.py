from __future__ import annotations

import pytest
from pydantic import Field

from lineproof.errors import SettingsError
from lineproof.settings import StrictModel, load_settings
from lineproof.yaml_file import MAX_YAML_BYTES, read_yaml


class Inner(StrictModel):
    deadline_ms: int = Field(gt=0, description="deadline")


class Outer(StrictModel):
    name: str = Field(description="name")
    line: Inner = Field(description="line")


def write(folder, text: str | bytes):
    path = folder / "line.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_good_file_is_read_and_frozen(tmp_path):
    settings = load_settings(write(tmp_path, "name: press\nline: {deadline_ms: 100}\n"), Outer)
    assert settings.line.deadline_ms == 100
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nline: {deadline_m: 1}", r"line\.deadline_m: unknown key, did you mean 'deadline_ms'\?"),
        ("name: a\nline: {deadline_ms: 0}", r"line\.deadline_ms: Input should be greater than 0"),
        ("line: {deadline_ms: 1}", "name: Field required"),
        ("name: [a\n", "line 2: not valid YAML"),
        ("- a\n- b\n", "expected `key: value` lines, got list"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system ['touch pwned']", "not valid YAML"),
        (b"\xff\xfe\x00", "cannot be read as text"),
        ("name: " + "a" * MAX_YAML_BYTES, "this is not a settings file"),
    ],
)
def test_every_mistake_is_one_line_that_names_the_file(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(write(tmp_path, text), Outer)
    assert "line.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(SettingsError, match="no such file"):
        read_yaml(tmp_path / "gone.yaml")


def test_all_problems_are_told_at_once(tmp_path):
    with pytest.raises(SettingsError, match=r"line\.deadline_ms: .*; nam: unknown key"):
        load_settings(write(tmp_path, "name: a\nnam: b\nline: {deadline_ms: -1}"), Outer)
