from __future__ import annotations

import json

import pytest

from lineproof.bundle import ClassThreshold
from lineproof.cli import main as cli
from proof_rig import plant
from tiny_bundle import CLASSES, tiny_bundle

SURE, FAINT, NOTHING = 250, 130, 0


def at(folder, score):
    return tiny_bundle(
        folder, thresholds={name: ClassThreshold(score=score, review_score=score) for name in CLASSES}
    ).path


def compare(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        cli.main(["prove", "compare", *map(str, argv)])
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.fixture
def parts(tmp_path):
    return plant(tmp_path, bad=[SURE] * 5 + [FAINT] * 7, good=[NOTHING] * 6).root


def test_a_blinder_bundle_does_not_pass_the_gate(tmp_path, parts, capsys):
    keen, blind = at(tmp_path / "keen", 0.5), at(tmp_path / "blind", 0.8)
    code, out, _ = compare(capsys, keen, blind, parts, "--json")
    facts = json.loads(out)
    assert (code, facts["passes"]) == (1, False)
    assert (facts["escapes"]["only_b"], facts["escapes"]["finding"]) == (7, "worse")
    assert facts["disagreements"][0]["passed_by"] == "B"
    page = (tmp_path / "comparison" / "comparison.html").read_text("utf-8")
    assert "B must not take the place of A: worse on escapes." in page
    assert page.count("<figure>") == 7
    code, out, _ = compare(capsys, blind, keen, parts)
    assert code == 0
    assert "B is better on escapes" in out
    assert "Test set used 2 times" in out  # of each bundle: comparing opens the parts, too


def test_the_same_bundle_is_no_comparison(tmp_path, parts, capsys):
    one = at(tmp_path / "one", 0.5)
    code, _, err = compare(capsys, one, one, parts)
    assert (code, "are the same bundle" in err) == (2, True)


def test_no_difference_is_said_as_such(tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 5 + [FAINT] * 2, good=[NOTHING] * 6)
    code, out, _ = compare(capsys, at(tmp_path / "a", 0.5), at(tmp_path / "b", 0.8), data.root, "--parts", "image")
    assert code == 0
    assert "These parts show no difference between A and B." in out


def test_images_of_one_part_are_not_taken_for_parts_in_silence(tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE, SURE], good=[NOTHING])
    settings = data.root / "dataset.yaml"
    settings.write_text(settings.read_text().replace("group: part 3", "group: part 2"))
    argv = (at(tmp_path / "a", 0.5), at(tmp_path / "b", 0.8), data.root)
    assert "look surer than they are" in compare(capsys, *argv, "--parts", "image")[1]
    assert "look surer than they are" not in compare(capsys, *argv)[1]
