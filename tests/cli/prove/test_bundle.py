"""`lineproof prove BUNDLE DATASET` on drawn parts: sure from 0.8, review from 0.6 (see tiny_bundle)."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from lineproof.bundle import open_bundle
from lineproof.bundle.proof_file import read_proof, require_proof
from lineproof.bundle.seal import seal
from lineproof.bundle.training_images import TRAINING
from lineproof.cli import main as cli
from lineproof.data.dataset import open_dataset
from lineproof.data.looks import read_looks
from lineproof.data.training_images import training_images
from lineproof.linefile import load_line
from proof_rig import plant
from tiny_bundle import tiny_bundle, tiny_manifest, tiny_model

SURE, UNSURE, FAINT, NOTHING = 250, 180, 130, 0  # scores 0.98, 0.71, 0.51 and none


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch):
    monkeypatch.setattr("lineproof.proof.report.pdf.BROWSERS", ())


@pytest.fixture
def bundle(tmp_path) -> Path:
    return tiny_bundle(tmp_path / "bundle").path


class Call:
    """One call of the verb: exit code, what it printed, and its JSON."""

    def __init__(self, capsys, *argv: object) -> None:
        with pytest.raises(SystemExit) as left:
            cli.main(["prove", *map(str, argv)])
        self.code = left.value.code
        self.out, self.err = capsys.readouterr()

    @property
    def facts(self) -> dict:
        return json.loads(self.out)


def test_the_claim_is_counted_reported_and_sealed(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 17 + [UNSURE] * 2 + [FAINT], good=[NOTHING] * 38 + [UNSURE] * 2)
    call = Call(capsys, bundle, data.root, "--by", "Ada", "--json")
    assert call.code == 0, call.err
    facts = call.facts
    assert facts["sentence"] == (
        "At most 21.7 % of bad parts pass, with 95 % confidence: 1 of 20 did. "
        "At most 15.0 % of good parts are stopped, with 95 % confidence: 2 of 40 were."
    )
    assert facts["figures"]["claims"]["table"] == {
        "bad": {"PASS": 1, "FAIL": 17, "REVIEW": 2, "FAULT": 0},
        "good": {"PASS": 38, "FAIL": 0, "REVIEW": 2, "FAULT": 0},
    }
    sealed = open_bundle(bundle)
    proof = read_proof(sealed)
    assert proof is not None
    assert (proof.sentence, proof.by, proof.escape.count, proof.escape.of) == (facts["sentence"], "Ada", 1, 20)
    assert facts["bundle"] == sealed.digest
    assert proof.proven_on.parts == 60
    assert "no PDF" in call.err


def test_the_page_loads_nothing_and_shows_what_failed(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 3 + [FAINT], good=[NOTHING] * 3 + [SURE])
    Call(capsys, bundle, data.root, "--out", tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "Escapes: 1" in page
    assert "Overkill: 1" in page
    assert "test-0005.png" not in page  # parts are named, not their images
    assert "part 5" in page
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))["figures"]["escapes"] == ["part 5"]


def test_every_look_at_the_test_parts_is_counted(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 3, good=[NOTHING] * 3)
    fresh = shutil.copytree(bundle, tmp_path / "fresh")
    assert "Test set used" not in Call(capsys, bundle, data.root, "--by", "Ada").out
    assert "Test set used 2 times by this model, first on" in Call(capsys, bundle, data.root).out
    assert "Test set used 3 times" in Call(capsys, fresh, data.root).out  # a fresh export does not forget
    assert len(read_looks(data.root)) == 3
    shutil.copytree(data.root, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "looks.json").unlink()
    assert "Test set used 3 times" in Call(capsys, bundle, tmp_path / "elsewhere").out  # nor does the bundle
    other = plant(tmp_path / "other", bad=[SURE] * 3, good=[NOTHING] * 3, seed=7)
    assert "Test set used" not in Call(capsys, bundle, other.root).out


def sealed_on(path: Path, dataset) -> Path:
    """The tiny bundle as if trained on this dataset."""
    seal(path, tiny_manifest(), tiny_model(), extras={TRAINING: training_images(dataset).to_json()})
    return path


def test_parts_that_training_has_seen_are_refused_by_name(tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 2, good=[NOTHING] * 2)
    bundle = sealed_on(tmp_path / "own", data)
    assert Call(capsys, bundle, data.root).code == 0
    call = Call(capsys, bundle, data.root, "--split", "train")
    assert call.code == 2
    assert (
        "training has seen 2 of these 2 images: train-0000.png (identical file as train-0000.png of train)" in call.err
    )
    assert len(read_looks(data.root)) == 1  # what is refused is not opened


def test_a_bundle_that_does_not_know_its_training_is_proven_with_a_note(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE], good=[NOTHING])
    assert "whether these parts are new was not checked" in Call(capsys, bundle, data.root).out


def test_the_same_image_labelled_twice_is_refused(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 2, good=[NOTHING] * 2)
    names = [data.name_of(s) for s in data.samples if s.split == "test"]
    images = data.root / "images"
    (images / names[3]).write_bytes((images / names[0]).read_bytes())
    call = Call(capsys, bundle, data.root)
    assert call.code == 2
    assert f"{names[0]} and {names[3]} are the same image, one labelled good and one bad" in call.err


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"bad": [SURE] * 3}, "How many good parts are stopped cannot be said: there was no good part."),
        ({"good": [NOTHING] * 3}, "How many bad parts pass cannot be said: there was no bad part."),
        ({"bad": [FAINT] * 2, "good": [NOTHING]}, "How many bad parts pass is not demonstrated: 2 of 2 did."),
    ],
)
def test_what_cannot_be_estimated_is_said_and_the_other_is(bundle, tmp_path, capsys, parts, words):
    call = Call(capsys, bundle, plant(tmp_path, **parts).root)
    assert call.code == 0
    assert words in call.out


def test_thresholds_are_chosen_on_calibration_parts_for_a_target(bundle, tmp_path, capsys):
    calibration = ([SURE] * 60 + [150] * 40, [NOTHING] * 60 + [135] * 20)
    data = plant(tmp_path, bad=[150] * 5 + [SURE] * 5, good=[NOTHING] * 8 + [135] * 2, calibration=calibration)
    call = Call(capsys, bundle, data.root, "--escape", "0.05", "--json")
    assert call.code == 0, call.out
    facts = call.facts
    assert facts["escape"]["count"] == facts["overkill"]["count"] == 0
    point = open_bundle(bundle).manifest.operating_point["blue"]
    assert 135 / 255 < point.review_score <= 150 / 255
    assert facts["figures"]["operating_point"]["answer"]["guarantee"]["kind"] == "ltt"
    assert "training chose its best epoch" in facts["notes"][-1]


def test_a_target_that_the_parts_cannot_show_is_not_demonstrated(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 5, good=[NOTHING] * 5, calibration=([SURE] * 10, [NOTHING] * 10))
    before = open_bundle(bundle).manifest.operating_point
    call = Call(capsys, bundle, data.root, "--escape", "0.05", "--json")
    assert call.code == 1
    answer = call.facts["figures"]["operating_point"]["answer"]
    assert answer["why"].startswith("escape ≤ 5 % is not demonstrated: 10 bad parts; 49 more are needed; at best")
    assert not call.facts["yes"]
    assert open_bundle(bundle).manifest.operating_point == before
    assert read_proof(open_bundle(bundle)).escape.of == 5  # what was measured is sealed all the same


def test_thresholds_by_price(bundle, tmp_path, capsys):
    calibration = ([SURE] * 30 + [150] * 10, [NOTHING] * 30 + [135] * 10)
    data = plant(tmp_path, bad=[SURE] * 3, good=[NOTHING] * 3, calibration=calibration)
    prices = ["--cost-escape", "200", "--cost-overkill", "5", "--prior", "0.1"]
    call = Call(capsys, bundle, data.root, *prices, "--json")
    assert call.code == 0, call.err
    assert call.facts["figures"]["operating_point"]["answer"]["cost"] == 0.0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--escape", "0"], "no number of parts can show a rate of 0"),
        (["--cost-escape", "0", "--cost-overkill", "1", "--prior", "0.1"], "costs.escape: 0.0 is no price"),
        (["--cost-escape", "5", "--cost-overkill", "-1", "--prior", "0.1"], "costs.overkill: -1.0 is no price"),
        (["--cost-escape", "5"], "--cost-escape: --cost-overkill is missing"),
        (["--cost-escape", "5", "--cost-overkill", "1"], "--prior is missing"),
        (["--escape", "0.1", "--cost-escape", "5"], "--escape and --cost-escape"),
        (["--views", "most"], "expected any, all or a number"),
        (["--review-budget", "2", "--escape", "0.1"], "2 is no share of parts"),
        (["--require", "nonsense"], "no acceptance 'nonsense'"),
        (["--split", "nowhere"], "no image in split 'nowhere'"),
        (["--study", "none.csv"], "none.csv"),
    ],
)
def test_bad_input_is_one_clear_line(bundle, tmp_path, capsys, argv, words):
    data = plant(tmp_path, bad=[SURE] * 2, good=[NOTHING] * 2)
    call = Call(capsys, bundle, data.root, *argv)
    assert call.code == 2
    assert words in call.err
    assert call.err.count("\n") == 1
    assert read_looks(data.root) == ()


def test_requirements_answer_with_the_exit_code(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE] * 59, good=[NOTHING] * 59)
    (tmp_path / "ask.yaml").write_text("{escape: {at_most: 0.05}, overkill: {at_most: 0.05}, looks: 1}")
    call = Call(capsys, bundle, data.root, "--require", tmp_path / "ask.yaml")
    assert call.code == 0
    assert "met      escape ≤ 0.05 with 95 % confidence: bound 4.95%" in call.out
    again = Call(capsys, bundle, data.root, "--require", tmp_path / "ask.yaml", "--json")
    assert again.code == 1
    assert [row["met"] for row in again.facts["figures"]["requirements"]] == [True, True, False]
    assert Call(capsys, bundle, data.root, "--require", "automotive").code == 1  # by name, too


def test_a_packed_bundle_is_refused_unless_nothing_is_sealed(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE], good=[NOTHING])
    with pytest.raises(SystemExit):
        cli.main(["bundle", "pack", str(bundle), "--out", str(tmp_path / "b.lpb")])
    call = Call(capsys, tmp_path / "b.lpb", data.root)
    assert (call.code, "a packed bundle cannot be proven" in call.err) == (2, True)
    assert read_looks(data.root) == ()
    digest = open_bundle(tmp_path / "b.lpb").digest
    assert Call(capsys, tmp_path / "b.lpb", data.root, "--no-seal").code == 0
    assert open_bundle(tmp_path / "b.lpb").digest == digest


@pytest.fixture
def line(tmp_path):
    def write(**rules: object) -> Path:
        path = tmp_path / "line.yaml"
        path.write_text(yaml.safe_dump({"name": "press", "bundle": "bundle", "require_proof": True, "rules": rules}))
        return path

    return write


def test_a_line_takes_what_was_proven_under_its_rules(bundle, tmp_path, capsys, line):
    data = plant(tmp_path, bad=[SURE] * 3, good=[NOTHING] * 2 + [SURE])
    tolerant = line(default={"min_area_px2": 300})  # a cell has 256: every defect is tolerated
    call = Call(capsys, bundle, data.root, "--line", tolerant, "--json")
    assert call.code == 0, call.err
    assert call.facts["escape"] is None  # what the line tolerates is no bad part
    require_proof(open_bundle(bundle), load_line(tolerant).proven_under)


def test_a_zone_gets_a_threshold_of_its_own(bundle, tmp_path, capsys, line):
    calibration = ([SURE] * 60 + [150] * 40, [NOTHING] * 60 + [135] * 20)
    data = plant(tmp_path, bad=[150] * 5, good=[NOTHING] * 5, calibration=calibration)
    zones = {"edge": {"polygon": [[0, 0], [40, 0], [40, 64], [0, 64]]}}
    path = line(zones=zones, classes={"blue": {"zones": ["edge"]}, "red": {"ignore": True}})
    assert Call(capsys, bundle, data.root, "--line", path, "--escape", "0.05").code == 0
    manifest = open_bundle(bundle).manifest
    assert manifest.operating_point["blue"].review_score == 0.6
    own = manifest.zone_thresholds["blue@edge"]
    assert 135 / 255 < own.review_score <= 150 / 255
    assert own.polygon == ((0, 0), (40, 0), (40, 64), (0, 64))


def test_a_threshold_that_the_line_sets_cannot_be_chosen(bundle, tmp_path, capsys, line):
    data = plant(tmp_path, bad=[SURE] * 2, good=[NOTHING] * 2)
    call = Call(capsys, bundle, data.root, "--line", line(default={"score": 0.7}), "--escape", "0.1")
    assert (call.code, "the line file sets the threshold of blue itself" in call.err) == (2, True)


def test_views_of_a_part_are_fused_by_the_line_s_rule(bundle, tmp_path, capsys):
    data = plant(tmp_path, bad=[SURE, NOTHING], good=[NOTHING])
    settings = data.root / "dataset.yaml"
    settings.write_text(settings.read_text().replace("group: part 3", "group: part 2"))
    assert open_dataset(data.root).samples[3].group == "part 2"
    assert "0 of 1 did" in Call(capsys, bundle, data.root).out
    assert "1 of 1 did" in Call(capsys, bundle, data.root, "--views", "all").out
    each = Call(capsys, bundle, data.root, "--parts", "image").out
    assert "1 of 2 did" in each


def test_help_names_the_verbs_and_the_bundle_comes_first(capsys):
    with pytest.raises(SystemExit):
        cli.main(["prove", "--help"])
    out = capsys.readouterr().out
    assert all(verb in out for verb in ("bundle", "compare", "plan", "sequential", "study", "agree"))
