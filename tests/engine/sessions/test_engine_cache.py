from __future__ import annotations

import json
import os

import pytest

from lineproof.engine.sessions import engine_cache
from lineproof.engine.sessions.engine_cache import SEAL, EngineCache
from lineproof.errors import EngineError

FACTS = {"provider": "TensorrtExecutionProvider", "gpu": "NVIDIA L4", "driver": "550.54"}


@pytest.fixture
def cache(tmp_path):
    return EngineCache("ab" * 32, tmp_path / "engines")


def compile_into(folder):
    (folder / "model.engine").write_bytes(b"compiled")


def test_nothing_is_there_at_first(cache):
    kept = cache.ready(FACTS)
    assert (kept.whole, kept.why) == (False, "")


def test_what_was_built_is_found_again(cache):
    folder = cache.build(FACTS, compile_into)
    kept = cache.ready(FACTS)
    assert (kept.whole, kept.folder) == (True, folder)
    assert json.loads((folder / SEAL).read_text())["key"] == {**FACTS, "bundle": "ab" * 32}


@pytest.mark.parametrize("other", [{"driver": "560.1"}, {"gpu": "NVIDIA T4"}, {"precision": "fp16"}])
def test_another_machine_or_setting_finds_nothing(cache, other):
    cache.build(FACTS, compile_into)
    assert not cache.ready({**FACTS, **other}).whole
    assert cache.ready(FACTS).whole


def test_another_bundle_finds_nothing(cache):
    cache.build(FACTS, compile_into)
    assert not EngineCache("cd" * 32, cache.root).ready(FACTS).whole


def test_a_bundle_with_the_same_first_letters_is_still_another(cache):
    cache.build(FACTS, compile_into)
    twin = EngineCache("ab" * 31 + "ff", cache.root)
    twin.folder(FACTS).parent.mkdir(exist_ok=True)
    cache.folder(FACTS).rename(twin.folder(FACTS))
    assert twin.ready(FACTS).why == "it was compiled for another machine, version or bundle"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.engine").write_bytes(b"compiles"),
        lambda folder: (folder / "model.engine").unlink(),
        lambda folder: (folder / "more.engine").write_bytes(b"?"),
        lambda folder: (folder / SEAL).write_text("{"),
        lambda folder: (folder / SEAL).unlink(),
        lambda folder: (folder / SEAL).write_text("[]"),
    ],
)
def test_a_damaged_engine_is_thrown_away_with_a_reason_and_built_again(cache, damage):
    damage(cache.build(FACTS, compile_into))
    kept = cache.ready(FACTS)
    assert not kept.whole
    assert kept.why
    assert not kept.folder.exists()
    cache.build(FACTS, compile_into)
    assert cache.ready(FACTS).whole


def test_a_build_that_fails_leaves_nothing(cache):
    def fails(folder):
        compile_into(folder)
        raise EngineError("no memory")

    with pytest.raises(EngineError, match="no memory"):
        cache.build(FACTS, fails)
    assert list(cache.root.rglob("*.engine")) == []
    assert not cache.ready(FACTS).whole


def test_the_slower_of_two_builds_keeps_the_others_engine(cache):
    def second(folder):
        cache.build(FACTS, compile_into)
        compile_into(folder)

    folder = cache.build(FACTS, second)
    assert cache.ready(FACTS).whole
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_a_killed_build_left_is_swept_a_day_later(cache):
    folder = cache.folder(FACTS).parent
    for name, age_s in ((".building-old", 100_000), (".building-new", 10)):
        (folder / name).mkdir(parents=True)
        then = (folder / name).stat().st_mtime - age_s
        os.utime(folder / name, (then, then))
    cache.build(FACTS, compile_into)
    assert sorted(path.name for path in folder.glob(".building-*")) == [".building-new"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"the engine cache cannot be written.*LINEPROOF_CACHE"):
        EngineCache("ab" * 32, tmp_path / "file").build(FACTS, compile_into)


def test_without_a_home_nothing_is_kept_and_the_remedy_is_named(monkeypatch):
    def nobody() -> None:
        raise RuntimeError("Could not determine home directory.")

    for name in ("LINEPROOF_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine_cache.Path, "home", nobody)
    cache = EngineCache("ab" * 32)
    assert not cache.ready(FACTS).whole
    with pytest.raises(EngineError, match="set LINEPROOF_CACHE"):
        cache.build(FACTS, compile_into)


def test_the_users_cache_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("LINEPROOF_CACHE", str(tmp_path))
    assert EngineCache("ab").root == tmp_path / "engines"
    monkeypatch.delenv("LINEPROOF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert EngineCache("ab").root == tmp_path / "xdg" / "lineproof" / "engines"
