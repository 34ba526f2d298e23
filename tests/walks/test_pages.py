"""Pages that scripts write from measurements are what the scripts write now, and name only what exists."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def script(repo: Path, name: str) -> ModuleType:
    path = repo / "tests" / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(("name", "page"), [("fault_table", "faults.md"), ("adaptation_page", "adaptation.md")])
def test_a_page_is_up_to_date(repo, name, page):
    assert (repo / "docs" / page).read_text("utf-8") == script(repo, name).page(), f"run tests/benchmarks/{name}.py"


def test_the_fault_list_is_whole_and_names_only_what_exists(repo):
    table = script(repo, "fault_table")
    for *_, where in table.TESTED:
        for name in where.split(", "):
            assert (repo / name).exists(), name
    tried = {number for number, *_ in (*table.TESTED, *table.NOT_TRIED)} | {
        cell for line in table.page().splitlines() for cell in line.split(" | ") for cell in [cell.strip("| ")]
    }
    assert {f"R-{number:02d}" for number in range(1, 31)} <= tried
