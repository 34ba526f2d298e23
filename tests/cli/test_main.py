from __future__ import annotations

import subprocess
import sys

import pytest

from lineproof import __version__
from lineproof.cli import main as cli
from lineproof.errors import GateError, SettingsError


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lineproof", *args], capture_output=True, text=True, check=False)


def test_version():
    assert run("--version").stdout.strip() == f"lineproof {__version__}"


@pytest.mark.parametrize("args", [["nosuch"], ["--nosuch"], ["evaluate"], ["evaluate", "a", "b", "--splt", "x"]])
def test_a_wrong_call_is_one_line_and_exit_2(args):
    done = run(*args)
    assert done.returncode == 2
    assert done.stderr.startswith("lineproof: ")
    assert done.stderr.count("\n") == 1
    assert "--help" in done.stderr


def test_every_verb_has_an_example():
    root = cli.typer.main.get_command(cli.app)

    def leaves(command, path=()):
        children = getattr(command, "commands", None)
        if not children:
            yield " ".join(path), command
        for name, child in (children or {}).items():
            yield from leaves(child, (*path, name))

    verbs = dict(leaves(root))
    assert {"train", "run", "serve", "evaluate", "inspect", "data import"} <= set(verbs)
    missing = [path for path, command in verbs.items() if "Example" not in (command.help or "")]
    assert not missing
    without_json = [path for path, command in verbs.items() if not any("--json" in p.opts for p in command.params)]
    assert not without_json


@pytest.mark.parametrize(
    ("error", "code"), [(SettingsError("a.yaml: bad"), 2), (GateError("not met"), 1), (KeyboardInterrupt(), 130)]
)
def test_errors_become_one_line_and_their_exit_code(monkeypatch, capsys, error, code):
    class Command:
        def main(self, *_args, **_options):
            raise error

    monkeypatch.setattr(cli.typer.main, "get_command", lambda _app: Command())
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == code
    assert capsys.readouterr().err.count("\n") == 1


def test_what_nobody_foresaw_is_one_line_unless_debug():
    code = "import lineproof.cli.main as m\nm.typer.main.get_command = lambda a: 1/0\nm.main({args})"
    plain = subprocess.run([sys.executable, "-c", code.format(args=[])], capture_output=True, text=True, check=False)
    loud = subprocess.run(
        [sys.executable, "-c", code.format(args=["--debug"])], capture_output=True, text=True, check=False
    )
    assert plain.stderr.startswith("lineproof: internal error: ZeroDivisionError")
    assert plain.stderr.count("\n") == 1
    assert "Traceback" in loud.stderr
