from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lineproof.proof.report.pdf import BROWSERS, print_pdf


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """A browser of our own, which does what the script says."""

    def install(script: str) -> None:
        path = tmp_path / "bin" / BROWSERS[0]
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return install


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("<!doctype html><title>t</title><p>x")
    return path


def test_without_a_browser_the_reason_is_said(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no browser that prints was found" in print_pdf(page, tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def test_what_the_browser_printed_is_written(page, tmp_path, browser):
    browser('for a in "$@"; do case "$a" in --print-to-pdf=*) echo printed > "${a#--print-to-pdf=}";; esac; done')
    assert print_pdf(page, tmp_path / "x.pdf") == ""
    assert (tmp_path / "x.pdf").read_text() == "printed\n"


@pytest.mark.parametrize(("script", "words"), [("exit 3", "did not print"), ("exit 0", "printed nothing")])
def test_a_browser_that_fails_leaves_nothing(page, tmp_path, browser, script, words):
    browser(script)
    assert words in print_pdf(page, tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no browser on this machine")
def test_a_real_browser_prints(page, tmp_path):
    assert print_pdf(page, tmp_path / "x.pdf") == ""
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
