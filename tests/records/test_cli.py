from __future__ import annotations

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from builders import image, inspection
from lineproof.cli import records as cli
from lineproof.core import Decision, Reason, Verdict
from lineproof.errors import RecordError
from lineproof.records.journal import Journal
from lineproof.records.settings import RecordSettings

FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: 0.9 ≥ 0.5", 0), Reason("dent.score", "dent", 1)))


@pytest.fixture
def folder(tmp_path):
    journal = Journal.open(RecordSettings(folder=tmp_path / "records", retention={"min_free_gb": 0}))
    for number in range(4):
        journal.put(inspection(f"p{number}", FAIL if number == 2 else None), image())
    journal.close()
    return tmp_path / "records"


def run(*args) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(arg) for arg in args], catch_exceptions=False)
    return done.exit_code, done.stdout


def test_show_prints_rows_and_counts(folder):
    code, text = run("show", folder)
    lines = text.splitlines()
    assert code == 0
    assert [line.split()[2] for line in lines[1:5]] == ["p0", "p1", "p2", "p3"]
    assert "scratch: 0.9 ≥ 0.5 (+1)" in lines[3]
    assert "_FAIL_p2_" in lines[3]
    assert lines[-1] == "4 rows: 3 PASS, 1 FAIL, 0 REVIEW, 0 FAULT"


def test_show_filters_and_speaks_json(folder):
    code, text = run("show", folder, "--decision", "fail", "--json")
    told = json.loads(text)
    assert code == 0
    assert told["counts"] == {"PASS": 0, "FAIL": 1, "REVIEW": 0, "FAULT": 0}
    (row,) = told["rows"]
    assert (row["part_id"], row["decision"], row["reasons"][0]["rule"]) == ("p2", "FAIL", "scratch.score")


def test_show_by_time(folder):
    assert run("show", folder, "--until", "2020-01-01")[1].splitlines()[-1].startswith("0 rows")
    assert run("show", folder, "--since", "2020-01-01T06:00:00")[1].splitlines()[-1].startswith("4 rows")


def test_verify_answers_by_its_exit_code(folder):
    code, text = run("verify", folder)
    assert (code, text) == (0, "4 rows, 2 images (0 removed by retention): all whole\n")
    damaged = next(folder.rglob("*_FAIL_*.png"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, text = run("verify", folder, "--json")
    assert code == 1
    assert json.loads(text)["damages"] == [
        {"what": damaged.relative_to(folder).as_posix(), "why": "was changed after writing"}
    ]


def test_export_writes_a_csv(folder, tmp_path):
    code, text = run("export", folder, "--out", tmp_path / "rows.csv", "--decision", "PASS")
    assert (code, text) == (0, f"3 rows → {tmp_path / 'rows.csv'}\n")
    assert len((tmp_path / "rows.csv").read_text("utf-8").splitlines()) == 4


def test_a_wrong_folder_or_output_is_one_line(folder, tmp_path):
    with pytest.raises(RecordError, match=r"no records\.db in it"):
        run("show", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="cannot be written"):
        run("export", folder, "--out", tmp_path / "file" / "rows.csv")


def test_the_words_are_those_of_the_core():
    assert set(get_args(cli.Word)) == {decision.value for decision in Decision}
