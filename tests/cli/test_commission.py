"""`lineproof commission` on a replay of frames, into a line file that a person wrote."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import image
from camera_scene import WH, seen
from lineproof.cli import main as cli
from lineproof.cli.commission_file import learnt_before, with_values
from lineproof.errors import SettingsError
from lineproof.linefile import load_line
from lineproof.watch.faulted import black
from lineproof.watch.quality import QualityGate

LINE = """\
# The press, left side.
name: press-3   # as on the door
bundle: sealed

source: {kind: folder, path: frames}
rules:
  # agreed with the customer
  default: { min_area_px2: 5 }
records:
  folder: records
"""


def grain(seed: int) -> np.ndarray:
    """A surface without any part on it."""
    return np.random.default_rng(seed).normal(120, 20, (240, 320, 1)).clip(0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("camera")
    for number in range(22):
        cv2.imwrite(str(folder / f"part-{number:02}.png"), seen(number))
    return folder


@pytest.fixture
def line(tmp_path, frames) -> Path:
    (tmp_path / "frames").symlink_to(frames)
    path = tmp_path / "line.yaml"
    path.write_text(LINE, "utf-8")
    return path


def call(capsys, *args: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(["commission", *map(str, args)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def record(line: Path, *pictures: np.ndarray) -> None:
    """Another folder of frames in place of the good ones."""
    (line.parent / "frames").unlink()
    (line.parent / "frames").mkdir()
    for number, pixels in enumerate(pictures):
        cv2.imwrite(str(line.parent / "frames" / f"{number:02}.png"), pixels)


def test_good_frames_are_learnt_into_the_line_file(line, capsys):
    code, out, err = call(capsys, line, "--frames", "22", "--ruler", "10,50,260,50,30", "--region", "10,20,300,200")
    assert code == 0
    assert "press-3: 22 of 22 frames learnt" in out
    assert "refuses black                 22 of 22" in out
    assert "0.12 mm/px, corners off by 0.00 px, by a ruler" in out
    assert "+   mm_per_px: 0.12" in err  # shown before it is written
    text = line.read_text("utf-8")
    mine = text[: text.index("\n# >>> lineproof commission")]
    assert mine == LINE.replace("  default:", "  mm_per_px: 0.12\n  default:")
    learnt = load_line(line)
    assert learnt.rules.mm_per_px == 0.12
    assert learnt.regions[0].model_dump() == {"x": 10, "y": 20, "width": 300, "height": 200}
    assert learnt.quality.image_wh == WH
    assert learnt.quality.position.template.parent == line.parent
    gate = QualityGate.open(learnt.quality)
    assert gate.check(seen(200)) is None
    assert gate.check(black(seen(200))).startswith("too dark")
    assert cv2.imread(str(line.parent / "line.commission.png")).shape[1] > 600


def test_json_is_one_object(line, capsys):
    code, out, _ = call(capsys, line, "--frames", "22", "--json", "--no-position")
    facts = json.loads(out)
    assert code == 0
    assert (facts["frames"], facts["learnt"], facts["set_aside"], facts["damaged"]) == (22, 22, {}, 0)
    assert facts["tried"]["half lit"] == {"refused": 88, "of": 88}
    assert facts["quality"]["n_in_a_row"] == 3
    assert "position" not in facts["quality"]
    assert facts["notes"] == ["where the camera looks is not checked: not asked for"]
    assert set(facts["files"]) == {"line", "sheet"}


def test_commissioning_again_replaces_its_own_block_alone(line, capsys):
    call(capsys, line, "--frames", "20", "--region", "0,0,100,100")
    once = line.read_text("utf-8")
    line.write_text(once.replace("n_in_a_row: 3", "n_in_a_row: 7") + "# written below\n", "utf-8")
    assert call(capsys, line, "--frames", "22")[0] == 0
    again = line.read_text("utf-8")
    assert again.count("# >>> lineproof commission") == again.count("quality:") == 1
    assert "# written below\n" in again
    assert load_line(line).quality.n_in_a_row == 7
    assert load_line(line).regions[0].width == 100  # not asked for this time: kept


def test_another_file_beside_is_written_and_the_first_left_alone(line, capsys):
    assert call(capsys, line, "--frames", "20", "--out", line.with_name("new.yaml"))[0] == 0
    assert line.read_text("utf-8") == LINE
    assert load_line(line.with_name("new.yaml")).quality.position.template.name.startswith("new.template-")


def test_a_frame_set_aside_is_named_and_a_damaged_one_counted(line, capsys):
    record(line, *(seen(n) for n in range(21)), seen(30, light=0.2), seen(31))
    broken = line.parent / "frames" / "05.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    code, out, _ = call(capsys, line, "--frames", "22", "--json")
    facts = json.loads(out)
    assert code == 0
    assert list(facts["set_aside"]) == ["21"]
    assert facts["damaged"] == 1


def test_a_board_gives_the_scale_alone(line, capsys):
    square = np.indices((9, 12)).sum(axis=0) % 2
    board = np.pad(np.kron(square, np.ones((40, 40))) * 200 + 30, 40, constant_values=230).astype(np.uint8)
    record(line, seen(1), *[cv2.cvtColor(board, cv2.COLOR_GRAY2BGR)] * 2)
    code, out, _ = call(capsys, line, "--checkerboard", "11x8", "--square-mm", "10")
    assert code == 0
    assert "0.25 mm/px" in out
    assert load_line(line).rules.mm_per_px == pytest.approx(0.25, rel=1e-3)
    assert load_line(line).quality is None


@pytest.mark.parametrize(
    ("pictures", "options", "says"),
    [
        ([image(grey=0)] * 20, (), "all dark: mean 0"),
        ([image(grey=255)] * 20, (), "all white"),
        ([seen(n) for n in range(3)], (), "the replay ended after 3 of 20 frames"),
        ([seen(n, shift=(2 * (n % 8), 0)) for n in range(20)], (), "the picture moves by up to"),
        ([seen(n) for n in range(2)], ("--checkerboard", "9x6", "--square-mm", "10"), "no checkerboard of 9×6"),
        ([grain(n) for n in range(20)], ("--region", "auto"), "the part cannot be told from the background"),
    ],
)
def test_bad_frames_leave_the_line_file_as_it_was(line, capsys, pictures, options, says):
    record(line, *pictures)
    code, out, err = call(capsys, line, "--frames", "20", *options)
    assert code == 1
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert line.read_text("utf-8") == LINE
    assert sorted(path.name for path in line.parent.iterdir()) == ["frames", "line.yaml"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--checkerboard", "9x6"), "--checkerboard and --square-mm belong together"),
        (("--checkerboard", "2x6", "--square-mm", "10"), "--checkerboard 2x6: expected COLUMNSxROWS"),
        (("--checkerboard", "9x6", "--square-mm", "10", "--region", "auto"), "learns the scale alone"),
        (("--ruler", "1,2,3"), "--ruler 1,2,3: expected 5 numbers"),
        (("--ruler", "0,0,nan,0,5"), "expected 5 numbers"),
        (("--ruler", "0,0,20,0,5"), "the two points are 20 px apart"),
        (("--region", "here"), "--region here: expected 4 numbers"),
        (("--region", "300,0,100,100", "--frames", "20"), "does not lie in the picture 320×240"),
        (("--frames", "3"), "--frames"),
        (("--out", "/elsewhere/line.yaml"), "not in the folder of line.yaml"),
    ],
)
def test_a_wrong_call_is_one_line(line, capsys, options, says):
    code, out, err = call(capsys, line, *options)
    assert code == 2
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert line.read_text("utf-8") == LINE


def test_a_line_without_a_source_or_with_its_own_quality_is_refused(line, capsys):
    line.write_text("name: a\nbundle: b\n", "utf-8")
    code, _, err = call(capsys, line)
    assert (code, f"{line}: no `source`" in err) == (2, True)
    line.write_text(LINE + "quality: {mean: [1, 2]}\n", "utf-8")
    code, _, err = call(capsys, line, "--frames", "20")
    assert (code, "`quality` was written by hand" in err) == (2, True)


STATIONS = """\
name: press-3
bundle: sealed
stations:
  press: # by the door
    trigger: software
    cameras:
      - {kind: folder, path: frames, view: top}
      - {kind: folder, path: frames, view: side}
  saw:
    trigger: software
    cameras: [{kind: folder, path: frames}]
"""


@pytest.fixture
def stations(line) -> Path:
    line.write_text(STATIONS, "utf-8")
    return line


def test_each_camera_of_a_station_is_learnt_by_itself(stations, capsys):
    assert call(capsys, stations, "--station", "press", "--view", "top", "--frames", "22")[0] == 0
    assert call(capsys, stations, "--station", "saw", "--frames", "20")[0] == 0
    code, out, _ = call(capsys, stations, "--station", "press", "--view", "side", "--frames", "20", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["quality"]["image_wh"] == list(WH)
    assert facts["camera"] == f"{facts['line']}, press side"
    text = stations.read_text("utf-8")
    assert text.startswith(STATIONS.rstrip())
    assert text.count("# >>> lineproof commission") == 1
    learnt = load_line(stations).stations
    assert set(learnt["press"].quality) == {"top", "side"}
    assert learnt["press"].quality["top"].position.template.name.startswith("line.press-top.template-")
    (view,) = learnt["saw"].quality
    assert QualityGate.open(learnt["saw"].quality[view]).check(seen(200)) is None
    again = text.replace("n_in_a_row: 3", "n_in_a_row: 5")
    stations.write_text(again, "utf-8")
    call(capsys, stations, "--station", "press", "--view", "top", "--frames", "20")
    assert load_line(stations).stations["press"].quality["top"].n_in_a_row == 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--station: which one? – one of press, saw"),
        (("--station", "drill"), "--station: there is no drill"),
        (("--station", "press"), "--view: which one? – one of top, side"),
        (("--station", "saw", "--ruler", "0,0,500,0,60"), "--ruler: scale and regions hold for every camera"),
        (("--station", "saw", "--region", "auto"), "--region: scale and regions hold for every camera"),
    ],
)
def test_which_camera_is_meant_must_be_plain(stations, capsys, options, says):
    code, _, err = call(capsys, stations, *options)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err
    assert stations.read_text("utf-8") == STATIONS


def test_what_was_written_by_hand_is_not_overruled(stations, capsys):
    by_hand = STATIONS.replace(
        "trigger: software\n    cameras: [", "trigger: software\n    quality: {main: {}}\n    cameras: ["
    )
    stations.write_text(by_hand, "utf-8")
    code, _, err = call(capsys, stations, "--station", "saw", "--frames", "20")
    assert code == 2
    assert "remove one of them" in err
    assert stations.read_text("utf-8") == by_hand


def test_a_changed_tolerance_asks_for_a_new_proof(line, capsys):
    line.write_text(LINE + "require_proof: true\n", "utf-8")
    _, out, _ = call(capsys, line, "--frames", "20", "--ruler", "0,0,500,0,60")
    assert "rules.mm_per_px changed what is tolerated: prove the bundle again" in out


BASE = "name: a\nbundle: b\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BASE, BASE + "rules:\n  mm_per_px: 0.1\n"),
        (BASE.rstrip(), BASE + "rules:\n  mm_per_px: 0.1\n"),
        (BASE + "rules: {}\n", BASE + "rules: {mm_per_px: 0.1}\n"),
        (BASE + "rules:\n", BASE + "rules: {mm_per_px: 0.1}\n"),
        (
            BASE + "rules: { default: {score: 0.5} } # why\n",
            BASE + "rules: {mm_per_px: 0.1,  default: {score: 0.5} } # why\n",
        ),
        (BASE + "rules:\n  mm_per_px: 7 # by hand\n", BASE + "rules:\n  mm_per_px: 0.1 # by hand\n"),
        (
            BASE + "rules: # all\n    default:\n      score: 0.5\n",
            BASE + "rules: # all\n    mm_per_px: 0.1\n    default:\n      score: 0.5\n",
        ),
        ("rules: {mm_per_px: 7}\r\nname: a\r\nbundle: b\r\n", "rules: {mm_per_px: 0.1}\r\nname: a\r\nbundle: b\r\n"),
    ],
)
def test_the_scale_goes_where_it_belongs(before, after):
    assert with_values(before, {}, 0.1, "today") == after
    assert with_values(after, {}, 0.1, "today") == after


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (BASE + "# >>> lineproof commission\nquality: {}\n", "do not form one block"),
        (BASE + "...\n", "without changing other lines"),
        ("{name: a, bundle: b}\n", "write one key a line|without changing other lines"),
        (BASE + "regions: [{x: 0, y: 0, width: 1, height: 1}]\n", "`regions` was written by hand"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(before, says):
    with pytest.raises(SettingsError, match=says):
        with_values(before, {"regions": [{"x": 1, "y": 1, "width": 2, "height": 2}]}, 0.1, "today")


KEYS = st.sampled_from(["score", "min_area_px2", "max_count"])


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=5), st.dictionaries(KEYS, st.just(0), max_size=3), max_size=3
    ),
    st.booleans(),
    st.floats(0.001, 10),
    st.sampled_from(["\n", "\r\n"]),
)
def test_nothing_but_the_new_values_changes(classes, flow, scale, newline):
    data = {"name": "a", "bundle": "b", "rules": {"classes": classes}, "line": {"deadline_ms": 100}}
    before = yaml.safe_dump(data, default_flow_style=flow and None).replace("\n", newline)
    after = with_values(before, {"quality": {"mean": [1.0, 2.0]}}, scale, "today")
    found = yaml.safe_load(after)
    assert found.pop("quality") == {"mean": [1.0, 2.0]}
    assert found["rules"].pop("mm_per_px") == pytest.approx(scale, rel=1e-4)
    assert found == data
    assert learnt_before(after) == {"quality": {"mean": [1.0, 2.0]}}
    assert after.count("\r") == (after.count("\n") if newline == "\r\n" else 0)
