"""`lineproof run` with a real bundle, a folder of parts and real records."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import pytest
import yaml

from builders import detections
from lineproof.cli import main as cli
from lineproof.cli.leaving import leave_hung_threads
from lineproof.core import Sample
from lineproof.data.dataset import write_dataset
from lineproof.errors import RecordError
from lineproof.linefile import load_line
from lineproof.records.read import open_records
from mjpeg_rig import Server, jpeg, picture, stall
from tiny_bundle import CLASSES, part, tiny_bundle
from tiny_classifier import classifier_bundle
from tiny_proof import proven_bundle

GOOD, BAD, UNSURE = part(), part((1, 2, (255, 0, 0))), part((1, 2, (180, 0, 0)))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "bundle"
    tiny_bundle(path)
    return path


@pytest.fixture
def plant(tmp_path, bundle):
    """A folder with parts and a function that writes a line file beside them."""
    (tmp_path / "parts").mkdir()
    for number, pixels in enumerate([GOOD, BAD, UNSURE, GOOD, GOOD, BAD], 1):
        cv2.imwrite(str(tmp_path / "parts" / f"part-{number}.png"), pixels)

    def write(**changes: object) -> Path:
        facts = {
            "name": "press-3",
            "bundle": str(bundle),
            "provider": "cpu",
            "source": {"kind": "folder", "path": "parts"},
            "line": {"trigger": "each_frame", "deadline_ms": 10_000},
            "records": {"folder": "records"},
        }
        path = tmp_path / "line.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in (facts | changes).items() if v is not None}))
        return path

    return write


def call(capsys, *args: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", *map(str, args)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_a_replay_is_decided_signalled_recorded_and_summed_up(plant, capsys):
    line = plant()
    code, out, err = call(capsys, line)
    assert code == 0
    words = [row.split()[1:3] for row in err.splitlines()]
    assert words == [
        ["PASS", "part-1"],
        ["FAIL", "part-2"],
        ["REVIEW", "part-3"],
        ["PASS", "part-4"],
        ["PASS", "part-5"],
        ["FAIL", "part-6"],
    ]
    for word in ("press-3: 6 parts", "yield 50.0%", "PASS 3   FAIL 2   REVIEW 1   FAULT 0", "drops 0", "6 written"):
        assert word in out, out
    assert open_records(line.parent / "records").counts()["PASS"] == 3


def test_json_is_one_object_on_stdout(plant, capsys):
    code, out, _ = call(capsys, plant(), "--json", "--max-parts", "4", "--quiet")
    facts = json.loads(out)
    assert code == 0
    assert facts["decisions"] == {"PASS": 2, "FAIL": 1, "REVIEW": 1, "FAULT": 0}
    assert facts["parts"] == facts["records"]["written"] == 4
    assert facts["stages_ms"]["total"]["p50"] > 0
    assert facts["provider"] == "CPUExecutionProvider"
    assert facts["bundle_name"] == "tiny"
    assert len(facts["line_digest"]) == 64
    assert facts["troubles"] == {}


def test_quiet_says_only_the_summary(plant, capsys):
    _, out, err = call(capsys, plant(records=None), "--quiet")
    assert err == ""
    assert "6 parts" in out


def test_a_corrupt_file_is_a_fault_of_its_part_and_the_line_goes_on(plant, capsys):
    line = plant()
    (line.parent / "parts" / "part-2.png").write_bytes(b"not an image")
    code, out, err = call(capsys, line)
    assert code == 0
    assert "faults: frame 1" in out
    assert "part-2.png: not an image" in err
    assert open_records(line.parent / "records").counts() == {"PASS": 3, "FAIL": 1, "REVIEW": 1, "FAULT": 1}


def test_truth_gives_escapes_and_overkill(plant, capsys, tmp_path):
    line = plant(source={"kind": "folder", "path": "data/images"})
    files = sorted((tmp_path / "parts").iterdir())
    bad = {"part-1.png", "part-2.png", "part-3.png"}  # part-1 shows nothing: an escape
    samples = [
        Sample(file, (64, 64), detections((0, 0, 9, 9, 1, 0)) if file.name in bad else detections(), file.name)
        for file in files
    ]
    write_dataset(tmp_path / "data", CLASSES, samples, "test")
    code, out, _ = call(capsys, line, "--truth", tmp_path / "data", "--json")
    truth = json.loads(out)["truth"]
    assert code == 0
    assert truth["table"]["bad"] == {"PASS": 1, "FAIL": 1, "REVIEW": 1, "FAULT": 0}
    assert (truth["escapes"]["count"], truth["escapes"]["of"]) == (1, 3)
    assert (truth["overkill"]["count"], truth["overkill"]["of"]) == (1, 3)
    _, out, _ = call(capsys, line, "--truth", tmp_path / "data")
    assert "escapes   1 of 3" in out


def test_truth_without_the_proof_extra_is_counts(plant, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    write_dataset(
        tmp_path / "data", CLASSES, [Sample(tmp_path / "parts/part-1.png", (64, 64), detections(), "g")], "test"
    )
    _, out, _ = call(capsys, plant(), "--truth", tmp_path / "data")
    assert "overkill  0 of 1\n" in out
    assert "5 parts are not in the dataset" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_line_cleanly(plant, capsys, number):
    line = plant(source={"kind": "folder", "path": "parts", "loop": True, "rate_hz": 100})
    before = signal.getsignal(number)
    rows = threading.Thread(target=interrupt_when_running, args=(line.parent / "records", number))
    rows.start()
    code, out, _ = call(capsys, line, "--json", "--quiet")
    rows.join()
    facts = json.loads(out)
    assert code == 0
    assert facts["parts"] == facts["records"]["written"] >= 3
    assert facts["records"]["pending"] == 0
    assert signal.getsignal(number) is before


def interrupt_when_running(folder: Path, number: int) -> None:
    """Send the signal once a few rows are on the disk."""
    for _ in range(400):
        with contextlib.suppress(RecordError):  # the database is only being made
            if sum(open_records(folder).counts().values()) >= 3:
                break
        threading.Event().wait(0.05)
    os.kill(os.getpid(), number)


def test_a_duration_ends_the_line(plant, capsys):
    line = plant(source={"kind": "folder", "path": "parts", "loop": True, "rate_hz": 50}, records=None)
    code, out, _ = call(capsys, line, "--duration", "0.3", "--json", "-q")
    assert code == 0
    assert json.loads(out)["parts"] > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"line": {"deadlin_ms": 500}}, "line.deadlin_ms: unknown key, did you mean 'deadline_ms'?"),
        ({"rules": {"classes": {"blu": {}}}}, "rules.classes.blu: the bundle has no such class"),
        ({"source": None}, "no `source`"),
        ({"source": {"kind": "folder", "path": "nowhere"}}, "nowhere: no such folder"),
        ({"source": {"kind": "folder", "path": "line.yaml"}}, "line.yaml: a file, not a folder"),
        ({"source": {"kind": "video", "path": "parts/part-1.txt"}}, "part-1.txt: no such video file"),
        ({"bundle": "nowhere"}, "nowhere"),
        ({"records": {"folder": "line.yaml"}}, "line.yaml: not a folder"),
        pytest.param(
            {"source": {"kind": "camera", "index": 97}},
            "no camera at index 97",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files"),
        ),
        (
            {"source": {"kind": "stream", "url": "http://joe:s3cret@127.0.0.1:9/v", "open_timeout_s": 2}},
            "http://***@127.0.0.1:9/v: no connection",
        ),
    ],
)
def test_what_is_wrong_is_one_clear_line_and_exit_2(plant, capsys, changes, says):
    code, out, err = call(capsys, plant(**changes))
    assert code == 2
    assert out == ""
    assert says in err
    assert err.startswith("lineproof: ")
    assert err.count("\n") == 1


def test_the_records_are_released_when_the_camera_is_not_there(plant, capsys):
    """A second start, the cable plugged in, must not find its own records locked."""
    assert call(capsys, plant(source={"kind": "folder", "path": "nowhere"}))[0] == 2
    assert call(capsys, plant())[0] == 0


def test_a_camera_over_http_from_end_to_end(plant, capsys):
    server = Server(((*(picture(jpeg(grey)) for grey in range(8)), stall),))  # all different, as from a live sensor
    source = {"kind": "stream", "url": server.url, "name": "top", "discard_frames": 1}
    line = plant(source=source)
    code, out, _ = call(capsys, line, "--max-parts", "2", "--json")
    server.over.set()
    server.shutdown()
    server.server_close()
    assert code == 0
    assert json.loads(out)["decisions"]["PASS"] == 2


def test_the_process_ends_well_though_a_camera_hangs(plant):
    """Its thread hangs in the driver; nobody may wait for it, and the end is no crash."""
    server = Server(((*[picture(jpeg(0))] * 8, stall),))
    source = {"kind": "stream", "url": server.url, "stall_s": 50, "open_timeout_s": 50, "discard_frames": 1}
    line = plant(source=source, records=None)
    command = [sys.executable, "-m", "lineproof", "run", str(line), "--max-parts", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    server.over.set()
    server.shutdown()
    server.server_close()
    assert (done.returncode, json.loads(done.stdout)["parts"]) == (0, 2)


def test_hung_threads_are_left_with_the_exit_code(monkeypatch):
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    leave_hung_threads(2)
    assert codes == []
    release = threading.Event()
    thread = threading.Thread(target=release.wait, args=(20,), name="capture camera 0", daemon=True)
    thread.start()
    leave_hung_threads(2)
    release.set()
    thread.join()
    assert codes == [2]


def test_every_line_file_of_the_repository_loads(repo):
    files = sorted((repo / "configs" / "lines").glob("*.yaml"))
    assert len(files) >= 5
    for path in files:
        line = load_line(path)
        assert line.source is not None or line.stations, path
        assert line.bundle.is_absolute()


def test_a_classifier_runs_the_same_line(plant, capsys, tmp_path):
    classifier_bundle(tmp_path / "sorter")
    line = plant(bundle=str(tmp_path / "sorter"))
    code, out, _ = call(capsys, line, "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["decisions"] == {"PASS": 3, "FAIL": 3, "REVIEW": 0, "FAULT": 0}  # 180 of 255 is sure here
    assert open_records(line.parent / "records").counts()["FAIL"] == 3


def test_a_line_whose_rules_a_classifier_cannot_keep_does_not_start(plant, capsys, tmp_path):
    classifier_bundle(tmp_path / "sorter")
    rules = {"zones": {"edge": {"polygon": [[0, 0], [9, 0], [9, 9]]}}, "classes": {"blue": {"zones": ["edge"]}}}
    code, _, err = call(capsys, plant(bundle=str(tmp_path / "sorter"), rules=rules))
    assert code == 2
    assert "rules.blue.zones: the bundle is a classifier" in err


def test_a_line_may_require_a_proof(plant, tmp_path, capsys):
    def run(**changes) -> int:
        with pytest.raises(SystemExit) as left:
            cli.main(["run", str(plant(require_proof=True, **changes)), "--quiet"])
        return left.value.code

    assert run() == 1
    assert "not proven, and the line requires it" in capsys.readouterr().err
    proven_bundle(tmp_path / "proven", load_line(tmp_path / "line.yaml").proven_under)
    assert run(bundle="proven") == 0
    assert run(bundle="proven", rules={"default": {"min_area_px2": 9}}) == 1
    assert "proven under other tolerances" in capsys.readouterr().err
