import json

import pytest
import typer
from typer.testing import CliRunner

from lineproof.cli.prove.plan import plan, sequential
from lineproof.errors import InputError

app = typer.Typer()
for verb in (plan, sequential):
    app.command()(verb)


def run(*argv, code=0):
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def answer(*argv, code=0):
    return json.loads(run(*argv, "--json", code=code))


def test_a_plan_says_parts_and_chances_in_words():
    text = run("plan", "--escape", 0.01, "--confidence", 0.95, "--true-rate", 0.002)
    assert "with 95 % confidence, that at most 1 % of bad parts pass" in text
    rows = [line.split() for line in text.splitlines() if line.endswith("in 100 times")]
    assert [row[:3] for row in rows] == [
        ["299", "0", "55"],
        ["473", "1", "76"],
        ["628", "2", "87"],
        ["773", "3", "93"],
        ["1049", "5", "98"],
    ]
    assert "Choose one row before the first part is inspected" in text
    assert "12 in 100 times instead of 5 in 100" in text


def test_a_plan_as_json_and_its_defaults():
    facts = answer("plan")
    assert (facts["escape"], facts["confidence"], facts["true_rate"]) == (0.01, 0.95, 0.002)
    assert facts["plans"][0] == {"parts": 299, "misses_allowed": 0, "chance_of_passing": 0.5496}
    assert facts["risk_when_topping_up"] == 0.1233
    assert "have" not in facts


def test_a_shipping_target_says_the_escape_rate():
    facts = answer("plan", "--ppm", 100, "--prior", 0.02)
    assert facts["escape"] == 0.0049  # 0.49005 %, rounded to the safe side
    assert facts["true_rate"] == pytest.approx(0.00098)
    text = run("plan", "--ppm", 100, "--prior", 0.02, "--overkill", 0.02)
    assert text.startswith(
        "At most 100 bad parts per million shipped, with 2 % bad parts made and 2 % of good ones rejected:"
    )
    assert "at most 0.48 % of bad parts pass" in text
    assert "The same for at most 2 % of good parts rejected" in text
    assert "good parts   rejects allowed   passes, if the true rate is 0.4 %" in text


def test_a_system_too_bad_to_pass_is_told_so():
    assert "A system that truly misses 2 % should not pass" in run("plan", "--true-rate", 0.02)


def test_parts_at_hand_are_judged():
    text = run("plan", "--have", 300, "--missed", 1, code=1)
    assert "1 missed of 300 bad parts: at most 1.58 % pass, with 95 % confidence." in text  # 1.5715, rounded up
    assert "1 % is not demonstrated." in text
    assert "173 more bad parts without a further miss" in text
    assert answer("plan", "--have", 299, "--missed", 0)["have"]["supported"] is True
    assert "if the number of parts was fixed beforehand" in run("plan", "--have", 299, "--missed", 0)
    assert "nothing is demonstrated" in run("plan", "--have", 0, "--missed", 0, code=1)
    assert "More parts will not help as long as 2 % were missed" in run("plan", "--have", 300, "--missed", 6, code=1)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--escape", 1], r"--escape 1: expected a rate between 0 and 1 – 0\.01 for 1 %"),
        (["--escape", "nan"], "--escape nan: expected a rate"),
        (["--confidence", 95], "--confidence 95: expected a rate"),
        (["--true-rate", 2], "--true-rate 2: expected 0 to 1"),
        (["--overkill", 0], "--overkill 0: expected a rate"),
        (["--ppm", 100], "--ppm and --prior belong together"),
        (["--prior", 0.02], "--ppm and --prior belong together"),
        (["--ppm", 100, "--prior", 2], "--prior 2: expected a rate"),
        (["--ppm", 0, "--prior", 0.02], "--ppm 0: expected more than 0"),
        (["--ppm", 30_000, "--prior", 0.02], "nothing to prove: without any inspection"),
        (["--ppm", 100, "--prior", 0.02, "--escape", 0.01], "--escape and --ppm both say the target"),
        (["--have", 5, "--missed", 6], "--missed 6: more than the 5 parts"),
        (["--have", 5], "--have and --missed belong together"),
        (["--missed", 0], "--have and --missed belong together"),
    ],
)
def test_wrong_calls_of_plan(argv, words):
    with pytest.raises(InputError, match=words):
        run("plan", *argv)


@pytest.fixture
def log(tmp_path):
    def write(*missed):
        path = tmp_path / "log.csv"
        path.write_text("part,missed\n" + "".join(f"p{i},{m}\n" for i, m in enumerate(missed)))
        return path

    return write


def test_going_on_is_no_yes(log):
    text = run("sequential", log(0, 1, 0), "--good", 0.002, "--bad", 0.01, code=1)
    assert text.splitlines()[0] == "GO ON: 1 missed of 3 bad parts"
    assert "accept  after 564 more parts without a miss" in text
    assert "reject  after 1 miss in a row" in text
    assert answer("sequential", log(), code=1)["more_to_accept"] == 366
    assert "reject  after 2 misses in a row" in run("sequential", log(), code=1)


def test_accepted(log):
    text = run("sequential", log(*[0] * 366))
    assert text.startswith("ACCEPT: 0 missed of 366 bad parts\n")
    assert "accepts a system that misses 1 % in 5.102 % of all trials" in text
    assert answer("sequential", log(*[0] * 366))["risk_of_accepting_bad"] == 0.051


def test_rejected_whatever_comes_later(log):
    text = run("sequential", log(1, 1, *[0] * 2000), code=1)
    assert text.startswith("REJECT: 2 missed of 2 bad parts\n")
    assert "2000 later rows of the log change nothing" in text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--good", 0.01], r"--good 0\.01, --bad 0\.01: too close to tell apart – --bad at least 1\.25 times"),
        (["--bad", 1], "--bad 1: expected a rate"),
        (["--confidence", 0.5], r"--confidence 0\.5: expected more than 0\.5"),
    ],
)
def test_wrong_calls_of_sequential(log, argv, words):
    with pytest.raises(InputError, match=words):
        run("sequential", log(0), *argv)


def test_a_log_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        run("sequential", tmp_path / "none.csv")
