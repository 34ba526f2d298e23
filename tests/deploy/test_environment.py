"""The environment file names every variable that the code reads, and none that it does not."""

from __future__ import annotations

import re
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
FILE = REPO / "deploy/line/lineproof.env"
# Read by Python, OpenCV or OpenMP themselves.
FOREIGN = ("PYTHON", "OPENCV_", "OMP_")


def told() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", FILE.read_text("utf-8"), re.MULTILINE))


def read_by_the_code() -> set[str]:
    code = "".join(path.read_text("utf-8") for path in (REPO / "inspect/lineproof").rglob("*.py"))
    return set(re.findall(r"\bLINEPROOF_[A-Z_]+", code))


def test_every_variable_of_the_code_is_told():
    assert read_by_the_code() - told() == set()


def test_nothing_is_told_that_nobody_reads():
    ours = {name for name in told() if not name.startswith(FOREIGN)}
    assert ours - read_by_the_code() == set()


def test_no_secret_is_set():
    active = [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert not [line for line in active if re.match(r"LINEPROOF_(TOKEN|RECORDS_URL)", line)]
    assert "PYTHONSAFEPATH=1" in active
    assert not [line for line in active if line.startswith("PYTHONDONTWRITEBYTECODE")]


def test_systemd_and_docker_read_it_alike():
    for line in FILE.read_text("utf-8").splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"[A-Z][A-Z0-9_]+=[^\s\"']+", line), line


def test_defaults_are_those_of_the_code():
    assert (
        'setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "50000000")' in (REPO / "inspect/lineproof/__init__.py").read_text()
    )
    assert "OPENCV_IO_MAX_IMAGE_PIXELS=50000000" in FILE.read_text()


def test_nothing_here_names_an_index_or_a_machine():
    for path in (REPO / "deploy").rglob("*"):
        if path.is_file():
            assert not re.search(r"index-url|://[^ ]*/simple|/home/|/Users/", path.read_text("utf-8")), path
