"""The README's own commands, as they stand there, on a folder of parts as an annotation tool would export it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from lineproof.adapt.recipe import Recipe
from lineproof.data.synth import SynthSettings, synth_shots
from lineproof.linefile import load_line

SETTINGS = SynthSettings(
    textures=("brushed_metal",), defects=("scratch", "stain"), size_wh=(160, 160), ok_share=0.3, defects_per_part=(1, 2)
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(block: str) -> list[str]:
    """One command a line, comments cut."""
    return [line.split("  #")[0].rstrip() for line in block.splitlines() if line.strip() and not line.startswith("#")]


def export_as_yolo(folder: Path, parts: int) -> None:
    """Drawn parts as a YOLO segmentation folder."""
    import cv2

    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for shot in synth_shots(SETTINGS, seed=3, n_parts=parts):
        name = "some-part" if shot.part == 0 else shot.group
        cv2.imwrite(str(folder / "images" / f"{name}.png"), shot.image)
        rows = []
        for defect in shot.defects:
            contours, _ = cv2.findContours(defect.mask.astype("uint8"), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            outline = max(contours, key=len).reshape(-1, 2) / 160
            points = " ".join(f"{value:.6f}" for value in outline.ravel())
            rows.append(f"{SETTINGS.defects.index(defect.class_name)} {points}")
        (folder / "labels" / f"{name}.txt").write_text("\n".join(rows))
    (folder / "classes.txt").write_text("\n".join(SETTINGS.defects) + "\n")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plant")
    export_as_yolo(folder / "parts", 48)
    return folder


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.train
@pytest.mark.skipif(shutil.which("bash") is None, reason="the README's commands are for a shell")
def test_your_own_parts_in_ten_minutes_and_their_proof(repo, plant):
    chapter = (repo / "README.md").read_text("utf-8").split("## Your own parts")[1].split("\n## ")[0]
    adapt, run, serve = blocks(chapter, "bash")
    for command in commands(adapt):
        shell(command, plant)
    (plant / "line.yaml").write_text(blocks(chapter, "yaml")[0])
    for command in commands(run):
        shell(command, plant)
    answer = ask(commands(serve), plant)
    assert answer["part_id"] == "4711"
    assert answer["decision"] in {"PASS", "FAIL", "REVIEW", "FAULT"}
    rows = json.loads(shell("lineproof records show records --json", plant).stdout)
    assert sum(rows["counts"].values()) == 48 + 1  # every part of the loop, and the one over HTTP
    assert (plant / "sheet.png").stat().st_size > 0
    shell("lineproof train data/parts --out runs/old --steps 20 --imgsz 160", plant)
    trial = "".join(f"{n},{'bad' if n % 2 else 'good'},{'FAIL' if n % 2 else 'PASS'},\n" for n in range(40))
    (plant / "trial.csv").write_text("part,truth,decision,size\n" + trial)
    wired = (repo / "README.md").read_text("utf-8").split("## Wire it to the controller")[1].split("\n## ")[0]
    station, known_parts = blocks(wired, "yaml")
    (plant / "station.yaml").write_text(station.replace("    deadline_ms", known_parts.rstrip() + "\n    deadline_ms"))
    assert load_line(plant / "station.yaml").stations["press"].challenge is not None
    (plant / "station.yaml").write_text(station)
    *once, forever = commands(blocks(wired, "bash")[0])
    for command in once:
        shell(command, plant)
    assert forever == "lineproof run station.yaml"  # what `sim` has started
    assert "SESSION_ID" in (plant / "io" / "io.md").read_text("utf-8")
    proofs = (repo / "README.md").read_text("utf-8").split("## Prove what it misses")[1].split("\n## ")[0]
    for command in commands(blocks(proofs, "bash")[0]):
        shell(command, plant)
    assert "Acceptance report" in (plant / "runs" / "parts" / "proof" / "report.html").read_text("utf-8")
    assert (plant / "runs" / "parts" / "comparison" / "comparison.html").stat().st_size > 0


# Hours of the README in seconds: shorter schedules and smaller images, the commands as they stand there.
SHORTER = {
    "--minutes 20": "--minutes 0.1 --imgsz 160",
    "--minutes 90": "--minutes 0.4 --imgsz 160 --rungs heads,staged --rounds 2",
    "--predict 400,800": "--predict 400,800 --sizes 8,16,24 --seeds 0 --minutes-each 0.02 --imgsz 160",
    "--task classify": "--task classify --imgsz 160",
}


@pytest.mark.train
@pytest.mark.skipif(shutil.which("bash") is None, reason="the README's commands are for a shell")
def test_more_from_fewer_images(repo, tmp_path):
    export_as_yolo(tmp_path / "parts", 48)
    shell("lineproof data import parts --out data/parts", tmp_path)
    shell("lineproof data split data/parts --val 0.2 --test 0.2", tmp_path)
    for name in ("data/plant-a", "data/plant-b"):
        shutil.copytree(tmp_path / "data" / "parts", tmp_path / name)
    shutil.copytree(tmp_path / "parts" / "images", tmp_path / "unlabelled")
    chapter = (repo / "README.md").read_text("utf-8").split("## More from fewer images")[1].split("\n## ")[0]
    for command in commands(blocks(chapter, "bash")[0]):
        for long, short in SHORTER.items():
            command = command.replace(long, short)  # noqa: PLW2901
        shell(command, tmp_path)
    for made in ("preview.png", "suspects", "runs/ladder/ladder.png", "runs/curve/curve.png", "next/next.csv"):
        assert (tmp_path / made).exists(), made
    recipe = yaml.safe_load(blocks(chapter, "yaml")[0])
    assert [stage.name for stage in Recipe.model_validate(recipe).stages] == ["heads", "all"]


def ask(lines: list[str], folder: Path) -> dict[str, object]:
    """Start the server as shown, wait until it is ready, ask as shown."""
    start, curl = lines
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        ["bash", "-c", f"exec {start.removesuffix('&')}"], cwd=folder, env=os.environ | {"PATH": path}
    )
    try:
        wait_ready("http://127.0.0.1:8000/v1/health/ready", server)
        picture = folder / "parts" / "some-part.png"
        shutil.copy(folder / "parts" / "images" / "some-part.png", picture)
        return json.loads(shell(curl, folder).stdout)
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0


def wait_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            opener.open(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the server did not become ready")


def test_the_line_file_of_the_readme_is_valid(repo, tmp_path):
    text = (repo / "README.md").read_text("utf-8")
    (tmp_path / "line.yaml").write_text(blocks(text, "yaml")[0])
    assert load_line(tmp_path / "line.yaml").line.trigger == "each_frame"


def test_the_readme_names_only_what_exists(repo):
    text = (repo / "README.md").read_text("utf-8")
    for path in re.findall(r"`((?:inspect|configs|datasets|deploy|tests)/[\w./-]*)`", text):
        assert (repo / path).exists(), path
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (repo / picture).is_file(), picture
