"""docs/faults.md is what its script writes, and names only what exists."""

from __future__ import annotations

import importlib.util


def test_the_page_is_up_to_date_and_names_only_what_exists(repo):
    path = repo / "tests" / "benchmarks" / "fault_table.py"
    spec = importlib.util.spec_from_file_location("fault_table", path)
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    assert (repo / "docs" / "faults.md").read_text("utf-8") == table.page(), "run tests/benchmarks/fault_table.py"
    for *_, where in table.TESTED:
        for name in where.split(", "):
            assert (repo / name).exists(), name
    tried = {number for number, *_ in (*table.TESTED, *table.NOT_TRIED)} | {
        cell for line in table.page().splitlines() for cell in line.split(" | ") for cell in [cell.strip("| ")]
    }
    assert {f"R-{number:02d}" for number in range(1, 31)} <= tried
