from __future__ import annotations

import json

import pytest

from lineproof.cli import main as cli
from lineproof.sim import plc


def call(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        cli.main(["sim", *map(str, argv)])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_a_campaign_ends_with_its_bound(tmp_path, capsys):
    code, out, err = call(capsys, "--parts", 60, "--out", tmp_path / "sim.json")
    assert code == 0
    assert "0 wrong PASS" in out
    assert "R-01" in err
    assert json.loads((tmp_path / "sim.json").read_text())["parts"] == 60


def test_a_wrong_pass_is_the_answer_no(monkeypatch, capsys):
    monkeypatch.setattr(plc, "is_pass", lambda words, **_: True)
    code, out, _ = call(capsys, "--scenario", "quiet-day", "--parts", 40, "--json")
    assert (code, json.loads(out)["safe"]) == (1, False)


def test_an_unknown_scenario_is_one_line(capsys):
    code, _, err = call(capsys, "--scenario", "nonsense")
    assert (code, "no scenario 'nonsense'" in err) == (2, True)
