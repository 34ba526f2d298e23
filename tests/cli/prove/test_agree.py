import csv
import json

import pytest
import typer
from typer.testing import CliRunner

from aiag_study import aiag_study
from lineproof.cli.prove.agree import agree, study
from lineproof.errors import InputError

app = typer.Typer()
app.command()(study)
app.command()(agree)


def run(*argv):
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def aiag(tmp_path):
    """The manual's study as a filled sheet."""
    made = aiag_study()
    rows = [
        (name, trial + 1, part, "NG" if made.rejected[i, j, trial] else "OK")
        for i, name in enumerate(made.appraisers)
        for trial in range(3)
        for j, part in enumerate(made.parts)
    ]
    rows += [
        ("reference", 1, part, "bad" if is_bad else "good") for part, is_bad in zip(made.parts, made.bad, strict=True)
    ]
    path = tmp_path / "aiag.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([("appraiser", "trial", "part", "verdict"), *rows])
    return path


def test_from_a_plan_to_the_tables(tmp_path):
    sheet = tmp_path / "study.csv"
    words = run("study", "--parts", 12, "--appraisers", "A, machine", "--trials", 2, "--out", sheet)
    assert "60 verdicts to fill in" in words
    assert "4 clearly good, 4 clearly bad, 4 borderline" in words
    assert "an effectiveness above 73.5% is shown" in words  # 12 of 12: 0.025^(1/12)
    with pytest.raises(InputError, match=r"study\.csv, line 2: no verdict of A on part P\d\d, trial 1"):
        run("agree", sheet)
    bad = {line.split(",")[0] for line in (tmp_path / "study_key.csv").read_text().splitlines() if "bad" in line}
    lines = [f"{line}{'ng' if line.split(',')[3] in bad else 'ok'}" for line in sheet.read_text().splitlines()[1:]]
    sheet.write_text("\n".join(["order,appraiser,trial,part,verdict", *lines]))
    text = run("agree", sheet)
    assert "12 parts (4 bad, 8 good by the reference), 2 trials" in text
    assert "machine repeated itself on every part" in text
    assert "machine repeated itself" not in run("agree", sheet, "--refixtured")


def test_a_sheet_is_never_overwritten(tmp_path):
    run("study", "--out", tmp_path / "study.csv")
    with pytest.raises(InputError, match="exists, and may be filled in already"):
        run("study", "--out", tmp_path / "study.csv")
    (tmp_path / "other_key.csv").write_text("")
    with pytest.raises(InputError, match=r"other_key\.csv: exists"):
        run("study", "--out", tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def test_the_plan_as_json(tmp_path):
    facts = json.loads(run("study", "--out", tmp_path / "study.csv", "--json"))
    assert facts["verdicts"] == 500
    assert facts["kinds"] == {"clearly good": 17, "clearly bad": 16, "borderline": 17}


def test_the_manual_in_words(aiag):
    text = run("agree", aiag)
    assert "effectiveness     42/50 = 84.0% (95 %: 70.9% – 92.8%): marginal, shown: unacceptable" in text
    assert "misses            3/48 = 6.2% (95 %: 1.3% – 17.2%): unacceptable, shown: unacceptable" in text
    assert "false alarms      5/102 = 4.9%" in text
    assert "κ A – B           0.86" in text
    assert "all right         39/50 = 78.0% (95 %: 64.0% – 88.5%)" in text
    assert "repeated itself" not in text


def test_the_manual_as_json(aiag):
    facts = json.loads(run("agree", aiag, "--machine", "c", "--json"))
    assert [round(a["kappa"]["kappa"], 4) for a in facts["appraisers"]] == [0.8788, 0.9230, 0.7740]
    assert facts["appraisers"][0]["effectiveness"]["grade"] == "marginal"
    with pytest.raises(InputError, match="appraiser 'robot': not in the study"):
        run("agree", aiag, "--machine", "robot")


def test_one_trial_in_words(tmp_path):
    path = tmp_path / "once.csv"
    path.write_text("appraiser,trial,part,verdict\nA,1,x,ok\nA,1,y,ok\nreference,1,x,ok\nreference,1,y,ok\n")
    text = run("agree", path)
    assert "repeatability     not measured with one trial" in text
    assert "misses            no such parts: cannot be measured" in text
    assert "κ with reference  not demonstrated: only one verdict was ever given" in text
