from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineproof.cli import main as cli
from lineproof.errors import InputError
from lineproof.proof.recorded import read_recorded

HEAD = "part,truth,decision,group,size,class\n"


def call(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        cli.main(["prove", "recorded", *map(str, argv)])
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.fixture
def table(tmp_path):
    def write(text: str):
        path = tmp_path / "trial.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_field_trial_is_bounded_resampled_fitted_and_drawn(table, tmp_path, capsys):
    rows = [
        f"b{i},bad,{'PASS' if i % 8 == 0 else 'FAIL'},,{2 + i % 40 if i % 8 else 2 + i % 5},dent" for i in range(120)
    ]
    rows += [f"g{i},good,{'REVIEW' if i % 20 == 0 else 'PASS'},,," for i in range(300)]
    path = table(HEAD + "\n".join(rows))
    code, out, _ = call(capsys, path, "--json", "--plot", tmp_path / "pod.png", "--unit", "mm")
    facts = json.loads(out)
    assert code == 0
    assert (facts["claims"]["escape"]["count"], facts["claims"]["escape"]["of"]) == (15, 120)
    assert facts["sentence"].startswith("At most 18.6 % of bad parts pass, with 95 % confidence: 15 of 120 did.")
    low, high = facts["bootstrap"]["overkill"]["low"], facts["bootstrap"]["overkill"]["high"]
    assert 0 < low < 15 / 300 < high < 0.1
    assert facts["pod"]["all defects"]["unit"] == "mm"
    assert (tmp_path / "pod.png").read_bytes().startswith(b"\x89PNG")
    _, words, _ = call(capsys, path)
    assert "parts resampled 2,000 times" in words
    assert "no number of parts would: the model must get better" in words


def test_rows_of_one_part_are_no_new_parts(table, capsys):
    path = table("part;truth;decision\n" + "".join(f"p{i % 6};bad;FAIL\n" for i in range(60)))
    code, out, _ = call(capsys, path)
    assert code == 0
    assert "At most 39.4 % of bad parts pass" in out  # 0 of 6, not 0 of 60
    assert "60 images of 6 parts are no 60 parts" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("part,decision\na,PASS\n", "line 1: 0 columns 'truth', expected 1 – first line: part,truth,decision"),
        ("part,truth,decision\na,so-so,PASS\n", "line 2: truth 'so-so' is unknown"),
        ("part,truth,decision\na,bad,MAYBE\n", "line 2: decision 'MAYBE' is unknown"),
        ("part,truth,decision\n,bad,PASS\n", "line 2: part is empty"),
        ("part,truth,decision\na,bad,PASS\na,good,PASS\n", "line 3: part 'a' is good here and was not on line 2"),
        ("part,truth,decision,size\na,bad,PASS,-1\n", "line 2: size '-1' is none"),
        ("part,truth,decision,size\na,bad,PASS,nan\n", "line 2: size 'nan' is none"),
        ("", "empty"),
    ],
)
def test_bad_tables_are_refused_by_line(table, capsys, text, words):
    code, _, err = call(capsys, table(text))
    assert (code, words in err) == (2, True), err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_a_table_or_one_error(table, text):
    with contextlib.suppress(InputError):
        read_recorded(table(HEAD + text.encode("utf-8", "ignore").decode()))
