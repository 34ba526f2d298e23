from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lineproof.bundle import BaseWeights, ClassThreshold, DatasetCard, ParityReport, open_bundle, seal
from lineproof.bundle.storage import write_folder
from lineproof.errors import BundleError
from tiny_bundle import tiny_bundle, tiny_manifest, tiny_model


@pytest.fixture
def sealed(tmp_path) -> Path:
    tiny_bundle(tmp_path / "tiles", "segment")
    return tmp_path / "tiles"


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def refused(path: Path, *words: str) -> None:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    line = str(caught.value)
    assert "\n" not in line
    for word in (str(path), *words):
        assert word in line


def test_what_was_sealed_comes_back(tmp_path):
    facts = {
        "base": BaseWeights(name="yolov8n", sha256="a" * 64, licence="AGPL-3.0", transferred="319 of 355"),
        "dataset": DatasetCard(name="tiles", content_hash="b" * 64, counts={"train": 100, "val": 20}),
        "recipe": {"epochs": 30, "imgsz": 320, "freeze": [0, 1], "augment": {"preset": "light"}},
        "libraries": {"torch": "2.15"},
        "parity": ParityReport(
            images=20,
            matched=31,
            unmatched_trained=0,
            unmatched_runtime=0,
            max_box_difference_px=0.001,
            max_score_difference=1e-6,
            decision_flips=0,
        ),
    }
    manifest = tiny_manifest(**facts)
    written = seal(tmp_path / "b", manifest, tiny_model(), extras={"proof.json": b"{}"})
    read = open_bundle(tmp_path / "b")
    assert read.manifest == written.manifest
    assert read.manifest.model_dump(exclude={"files"}) == manifest.model_dump(exclude={"files"})
    assert read.model == tiny_model()
    assert read.extras == {"proof.json": b"{}"}
    assert read.probes == ()
    assert read.digest == hashlib.sha256((tmp_path / "b/manifest.json").read_bytes()).hexdigest()
    assert read.manifest.operating_point["blue"].review_score == 0.6


def test_the_same_content_has_the_same_digest(tmp_path):
    manifest = tiny_manifest()
    assert seal(tmp_path / "a", manifest, tiny_model()).digest == seal(tmp_path / "b", manifest, tiny_model()).digest


def test_the_seal_can_be_checked_by_hand(sealed):
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on this machine")
    subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=sealed, check=True, capture_output=True)


def test_one_flipped_byte_in_any_file_is_refused_by_name(sealed):
    rng = np.random.default_rng(0)
    assert "model.onnx" in names(sealed)
    assert "probes/expected.json" in names(sealed)
    for name in names(sealed):
        whole = (sealed / name).read_bytes()
        for place in {0, len(whole) - 1, int(rng.integers(len(whole)))}:
            changed = bytearray(whole)
            changed[place] ^= 0x20  # turns a space to NUL and a letter to its other case: nothing is too small
            (sealed / name).write_bytes(changed)
            refused(sealed, name, "changed after sealing")
        (sealed / name).write_bytes(whole)
    open_bundle(sealed)


def test_two_hundred_random_bit_flips_are_refused(sealed):
    rng = np.random.default_rng(1)
    files = names(sealed)
    sizes = np.array([(sealed / name).stat().st_size for name in files])
    for _ in range(200):
        name = files[int(rng.choice(len(files), p=np.sqrt(sizes) / np.sqrt(sizes).sum()))]
        whole = (sealed / name).read_bytes()
        changed = bytearray(whole)
        changed[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        (sealed / name).write_bytes(changed)
        refused(sealed, name)
        (sealed / name).write_bytes(whole)
    open_bundle(sealed)


def test_truncated_or_longer_files_are_refused_by_name(sealed):
    for name in names(sealed):
        whole = (sealed / name).read_bytes()
        for changed in (b"", whole[: len(whole) // 2], whole[:-1], whole + b"\n", whole + b" "):
            (sealed / name).write_bytes(changed)
            refused(sealed, name)
        (sealed / name).write_bytes(whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"blue"', '"fine"'), ('"score": 0.8', '"score": 0.9'), ('"nms_iou": 0.7', '"nms_iou":  0.7'), ("}\n", "}\n\n")],
)
def test_an_edited_manifest_is_refused(sealed, before, after):
    text = (sealed / "manifest.json").read_text()
    assert before in text
    (sealed / "manifest.json").write_text(text.replace(before, after))
    refused(sealed, "manifest.json", "changed after sealing")


def test_an_edited_manifest_with_a_fresh_seal_still_has_to_make_sense(sealed):
    content = json.loads((sealed / "manifest.json").read_text())
    for field, value, says in (
        ("classes", ["fine", "red"], "thresholds"),
        ("score_floor", 0.7, "below score_floor"),
        ("task", "dream", "task"),
        ("colour", "pink", "colour"),
        ("schema_version", 3, "update lineproof"),
        ("files", {}, "names no model.onnx"),
        ("files", {"../outside": "0" * 64}, "not a plain relative file name"),
        ("files", {"/etc/passwd": "0" * 64}, "not a plain relative file name"),
        ("files", {"model.onnx": "0" * 64, "MODEL.onnx": "0" * 64}, "only in case"),
    ):
        reseal(sealed, {**content, field: value})
        refused(sealed, says)


def reseal(root: Path, content: dict[str, object]) -> None:
    """What somebody would do who knows the format and rewrites manifest and seal."""
    text = json.dumps(content).encode()
    (root / "manifest.json").write_bytes(text)
    (root / "manifest.sha256").write_bytes(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n".encode())


@pytest.mark.parametrize("text", [b"[]", b"nonsense", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_none_is_one_line(sealed, text):
    (sealed / "manifest.json").write_bytes(text)
    (sealed / "manifest.sha256").write_bytes(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n".encode())
    refused(sealed, "manifest.json")


def test_missing_files_are_named(sealed):
    for name in names(sealed):
        whole = (sealed / name).read_bytes()
        (sealed / name).unlink()
        refused(sealed, name)
        (sealed / name).write_bytes(whole)


@pytest.mark.parametrize("name", ["note.txt", "probes/99.png", "deep/er/file", ".hidden"])
def test_added_files_are_named(sealed, name):
    (sealed / name).parent.mkdir(parents=True, exist_ok=True)
    (sealed / name).write_bytes(b"x")
    refused(sealed, name, "was added after sealing")


def test_links_are_refused_even_to_the_right_bytes(sealed, tmp_path):
    outside = tmp_path / "outside.onnx"
    shutil.move(sealed / "model.onnx", outside)
    (sealed / "model.onnx").symlink_to(outside)
    refused(sealed, "model.onnx is a link")


def test_a_linked_folder_is_refused(sealed, tmp_path):
    shutil.move(sealed / "probes", tmp_path / "elsewhere")
    (sealed / "probes").symlink_to(tmp_path / "elsewhere")
    refused(sealed, "probes is a link")


def test_the_bytes_that_were_hashed_are_the_bytes_that_are_used(sealed):
    bundle = open_bundle(sealed)
    (sealed / "model.onnx").write_bytes(b"swapped after the check")
    assert hashlib.sha256(bundle.model).hexdigest() == bundle.manifest.files["model.onnx"]


def test_what_is_no_bundle_is_told_what_it_is(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "an empty folder, not a bundle")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    refused(tmp_path / "images", "no manifest.json")
    refused(tmp_path / "nowhere", "no such bundle")
    (tmp_path / "best.onnx").write_bytes(tiny_model())
    refused(tmp_path / "best.onnx", "a bare ONNX model, not a bundle")
    (tmp_path / "best.pt").write_bytes(b"\x80\x04pickle")
    refused(tmp_path / "best.pt", "no packed bundle")
    (tmp_path / "nothing").write_bytes(b"")
    refused(tmp_path / "nothing", "no packed bundle")


def test_a_folder_of_thousands_of_files_is_no_bundle(tmp_path):
    for number in range(501):
        (tmp_path / f"{number}.txt").touch()
    refused(tmp_path, "more than 500 files")


def test_files_larger_than_any_bundle_are_not_read(sealed):
    with (sealed / "model.onnx").open("wb") as file:
        file.truncate(3 << 30)  # sparse: takes no disk
    refused(sealed, "model.onnx makes it larger than any bundle is")


def test_an_existing_folder_is_not_written_over(sealed):
    with pytest.raises(BundleError, match="already exists"):
        seal(sealed, tiny_manifest(), tiny_model())
    fresh = seal(sealed, tiny_manifest(name="second"), tiny_model(), replace=True)
    assert open_bundle(sealed).manifest.name == fresh.manifest.name == "second"
    assert [path.name for path in sealed.parent.iterdir()] == ["tiles"]


def test_only_a_bundle_is_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_bytes(b"x")
    with pytest.raises(BundleError, match="already exists"):
        seal(tmp_path / "photos", tiny_manifest(), tiny_model(), replace=True)
    assert (tmp_path / "photos/holiday.jpg").exists()


def test_a_reserved_name_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"manifest\.json is written by the seal itself"):
        seal(tmp_path / "b", tiny_manifest(), tiny_model(), extras={"manifest.json": b"{}"})
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tiny_bundle import tiny_manifest, tiny_model
from lineproof.bundle import seal
from lineproof.errors import BundleError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    seal(Path(sys.argv[1]), tiny_manifest(), tiny_model())
except BundleError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="file size limits are a POSIX matter")
def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    path = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "b")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
    )
    assert "cannot be written (File too large)" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_in_the_middle_leaves_the_old_bundle(sealed, monkeypatch):
    before = open_bundle(sealed).digest

    def broken(_path, _data):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("lineproof.bundle.storage.write_bytes", broken)
    with pytest.raises(BundleError, match="cannot be written"):
        seal(sealed, tiny_manifest(), tiny_model(), replace=True)
    assert open_bundle(sealed).digest == before
    assert [path.name for path in sealed.parent.iterdir()] == ["tiles"]


def test_folders_are_built_where_none_were(tmp_path):
    write_folder(tmp_path / "a/b/c", {"x/y.txt": b"z", "manifest.json": b"{}"}, replace=False)
    assert names(tmp_path / "a/b/c") == ["manifest.json", "x/y.txt"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"classes": ("blue", "blue")}, "given twice"),
        ({"classes": ()}, "classes"),
        ({"thresholds": {"blue": ClassThreshold(score=0.8, review_score=0.6)}}, "'red'"),
        ({"score_floor": 0.65}, "below score_floor"),
        ({"files": {"a/../../b": "0" * 64}}, "not a plain relative file name"),
        ({"files": {"C:\\x": "0" * 64}}, "not a plain relative file name"),
        ({"files": {"model.onnx": "short"}}, "files"),
    ],
)
def test_a_manifest_that_contradicts_itself_cannot_be_made(changes, says):
    with pytest.raises(ValueError, match=says):
        tiny_manifest(**changes)


def test_input_sides_are_whole_strides():
    from lineproof.bundle import InputSpec

    with pytest.raises(ValueError, match="multiple of 32"):
        InputSpec(width=100, height=64)


def test_a_review_score_above_the_score_is_refused():
    with pytest.raises(ValueError, match="above score"):
        ClassThreshold(score=0.5, review_score=0.6)
