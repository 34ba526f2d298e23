from __future__ import annotations

import json

import pytest
import typer

from lineproof.cli.io_doc import doc
from lineproof.errors import InputError, SettingsError


def test_it_writes_the_page_and_its_files(tmp_path, capsys):
    doc(out=tmp_path / "io", file=None, deadline_ms=90, title="Line 7", as_json=True)
    named = json.loads(capsys.readouterr().out)["files"]
    assert sorted(path.name for path in (tmp_path / "io").iterdir()) == sorted(name.split("/")[-1] for name in named)
    page = (tmp_path / "io" / "io.md").read_text()
    assert page.startswith("# Line 7\n")
    assert "answers within 90 ms" in page


def test_it_takes_a_map(tmp_path, repo, capsys):
    text = (repo / "configs" / "io" / "modbus-1.0.yaml").read_text().replace("port: 502", "port: 1502")
    (tmp_path / "map.yaml").write_text(text)
    doc(out=tmp_path, file=tmp_path / "map.yaml", deadline_ms=1000, title="t", as_json=False)
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "io.md")
    assert "TCP port `1502`" in (tmp_path / "io.md").read_text()


def test_a_wrong_map_and_a_folder_that_cannot_be_are_one_line(tmp_path):
    (tmp_path / "map.yaml").write_text("prot: 502\n")
    with pytest.raises(SettingsError, match="did you mean 'port'"):
        doc(out=tmp_path, file=tmp_path / "map.yaml", deadline_ms=1000, title="t", as_json=False)
    with pytest.raises(InputError, match=r"cannot be written .* choose another --out"):
        doc(out=tmp_path / "map.yaml" / "io", file=None, deadline_ms=1000, title="t", as_json=False)


def test_as_a_verb(tmp_path, capsys):
    app = typer.Typer()
    app.command()(doc)
    app(["--out", str(tmp_path), "--deadline-ms", "250"], standalone_mode=False)
    assert "answers within 250 ms" in (tmp_path / "io.md").read_text()


def test_it_takes_a_line_file_with_its_deadline_and_name(tmp_path, repo, capsys):
    doc(
        out=tmp_path, file=repo / "configs" / "lines" / "two-stations.yaml", deadline_ms=None, title=None, as_json=False
    )
    page = (tmp_path / "io.md").read_text()
    assert page.startswith("# hall-2: lineproof and the controller\n")
    assert "answers within 400 ms" in page
    assert "| oven " in page
    assert "ENGINE_GIVEN_UP" in page
    assert "STALE_FRAME" in page


def test_a_line_without_modbus_is_one_line(tmp_path, repo):
    with pytest.raises(InputError, match=r"no `io\.modbus`"):
        doc(
            out=tmp_path,
            file=repo / "configs" / "lines" / "usb-camera.yaml",
            deadline_ms=None,
            title=None,
            as_json=False,
        )
