import json
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import dataset, parts
from lineproof.cli.data_check import check, show, split, stats, synth
from lineproof.data.dataset import open_dataset
from lineproof.errors import DatasetError, InputError, SettingsError

app = typer.Typer()
for verb in (check, split, show, stats, synth):
    app.command()(verb)

SMALL = """\
textures: [cast]
defects: [pit, stain]
size_wh: [128, 96]
shots_per_part: 2
"""


def run(*argv, code=0):
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def answer(*argv, code=0):
    return json.loads(run(*argv, "--json", code=code))


@pytest.fixture
def folder(tmp_path: Path):
    return dataset(tmp_path, parts(tmp_path, 12, shots=2)).root


def test_check_says_yes(folder):
    assert run("check", folder).strip().endswith("fit for training")
    assert answer("check", folder)["ok"] is True


def test_check_says_no_and_mends(folder, tmp_path):
    (folder / "images" / "part01_0.png").write_bytes(b"")
    assert "part01_0.png: 0 bytes" in run("check", folder, code=1)
    facts = answer("check", folder, "--fix", "--out", tmp_path / "copy")
    assert facts["ok"] is False
    assert facts["fixed"]["ok"] is True
    assert facts["fixed"]["changes_by_code"] == {"unreadable": 1}
    assert run("check", tmp_path / "copy")
    text = run("check", folder, "--fix", "--out", tmp_path / "copy", "--overwrite")
    assert "fixes.json" in text
    assert text.strip().endswith("checked again: fit for training")


def test_fix_needs_a_place(folder, tmp_path):
    with pytest.raises(InputError, match="--fix and --out belong together"):
        run("check", folder, "--fix")
    with pytest.raises(InputError, match="--fix and --out belong together"):
        run("check", folder, "--out", tmp_path / "x")


def test_split_tells_what_a_random_split_would_leak(folder):
    facts = answer("split", folder, "--val", "0.25")
    assert facts["groups"] == 12
    assert facts["leaked"]["leaked"] == 0
    assert facts["leaked_by_random_split"]["leaked"] > 3
    assert {s.split for s in open_dataset(folder).samples} == {"train", "val"}
    assert "held-out images beside a twin in train" in run("split", folder)


def test_split_by_pattern(folder):
    assert answer("split", folder, "--group", r"part(\d\d)_", "--test", "0.2")["groups"] == 12
    with pytest.raises(DatasetError, match="not a valid pattern"):
        run("split", folder, "--group", "part(")


def test_show_draws_a_sheet(folder, tmp_path):
    facts = answer("show", folder, "--out", tmp_path / "sheet.png", "-n", "8", "--class", "pit")
    assert len(facts["images"]) == 8
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[1] > 600
    with pytest.raises(InputError, match=r"expected a \.png"):
        run("show", folder, "--out", tmp_path / "sheet.jpg")


def test_stats_counts_and_plots(folder, tmp_path):
    pytest.importorskip("matplotlib")
    facts = answer("stats", folder, "--out", tmp_path / "stats.png")
    assert facts["instances"] == 16
    assert (tmp_path / "stats.png").is_file()
    assert "suggested --imgsz" in run("stats", folder)


def test_synth_writes_a_dataset_that_passes_the_check(tmp_path):
    settings = tmp_path / "small.yaml"
    settings.write_text(SMALL, "utf-8")
    facts = answer("synth", "--out", tmp_path / "drawn", "-n", "12", "--settings", settings)
    assert (facts["images"], facts["groups"]) == (24, 12)
    data = open_dataset(tmp_path / "drawn")
    assert data.has_masks
    assert data.classes == ("pit", "stain")
    assert 0 < sum(s.ok for s in data.samples) < 24
    assert answer("check", data.root, "--no-twins")["errors"] == 0
    again = answer("synth", "--out", tmp_path / "again", "-n", "12", "--settings", settings)
    assert again["content_hash"] == facts["content_hash"]
    other = answer("synth", "--out", tmp_path / "other", "-n", "12", "--settings", settings, "--seed", "1")
    assert other["content_hash"] != facts["content_hash"]


def test_synth_draws_the_parts_of_the_demo_by_default(tmp_path):
    facts = answer("synth", "--out", tmp_path / "drawn", "-n", "2", "--image-format", "jpg")
    assert list(facts["classes"]) == ["scratch", "pit", "stain"]
    assert len(list((tmp_path / "drawn" / "images").glob("*.jpg"))) == 2


def test_synth_never_writes_over_something(folder, tmp_path):
    with pytest.raises(DatasetError, match="is not empty"):
        run("synth", "--out", folder, "-n", "2")
    with pytest.raises(SettingsError, match="no such file"):
        run("synth", "--out", tmp_path / "x", "-n", "2", "--settings", tmp_path / "missing.yaml")
    assert not (tmp_path / "x").exists()


def test_a_wrong_path_is_one_line(tmp_path):
    for verb in (["check"], ["split"], ["stats"], ["show", "--out", "x.png"]):
        with pytest.raises(DatasetError, match="no such folder"):
            run(verb[0], tmp_path / "nowhere", *verb[1:])


@pytest.mark.shared
def test_neu_det_shows_its_known_problems(shared_root, tmp_path):
    """Its README: three boxes listed twice, one image stored twice, no good part."""
    from lineproof.data.importer import ImportOptions, import_dataset

    source = tmp_path / "neu"
    (source / "images").mkdir(parents=True)
    folder = shared_root / "data" / "neu-det"
    document = json.loads((folder / "instances_all.json").read_text("utf-8"))
    kept = [
        image for image in document["images"] if Path(image["file_name"]).stem.endswith(("01", "05", "20", "62", "98"))
    ]
    ids = {image["id"] for image in kept}
    for image in kept:
        name = Path(image["file_name"]).name
        (source / "images" / name).write_bytes((folder / "images" / name).read_bytes())
    document |= {"images": kept, "annotations": [a for a in document["annotations"] if a["image_id"] in ids]}
    (source / "annotations.json").write_text(json.dumps(document), "utf-8")
    data = import_dataset(source, tmp_path / "data", ImportOptions()).dataset
    facts = answer("check", data.root, "--no-twins")
    named = {(f["code"], f["image"]) for f in facts["findings"]}
    assert named >= {("duplicate-box", f"{name}.jpg") for name in ("crazing_120", "inclusion_62", "patches_198")}
    assert ("copy", "patches_105.jpg") in named
    assert facts["counts"]["duplicate-box"] == 3
    assert facts["counts"]["no-good-part"] == 1
    assert facts["ok"] is True
