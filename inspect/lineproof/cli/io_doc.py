"""`lineproof io doc`: the page for the controls programmer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit

if TYPE_CHECKING:
    from lineproof.signals.io_map import IoMap

TITLE = "lineproof and the controller"
DEADLINE_MS = 1000.0


def doc(
    out: Annotated[Path, typer.Option(help="folder for the page and its files")],
    file: Annotated[
        Path | None,
        typer.Argument(help="a line file, or a map as in configs/io; default: register map 1.0", metavar="LINE.yaml"),
    ] = None,
    deadline_ms: Annotated[
        float | None,
        typer.Option(min=1, help="from trigger to answer; default: that of the line file, or 1000", show_default=False),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="heading of the page; default: the line's name", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the page from which a controller is programmed: registers, timing, Structured Text.

    Example: `lineproof io doc line.yaml --out io`
    """
    from lineproof.atomic import write_text
    from lineproof.errors import InputError
    from lineproof.signals.doc.page import files

    io_map, own_deadline_ms, own_title = _told(file)
    deadline_ms, title = deadline_ms or own_deadline_ms, title or own_title
    written = []
    for name, text in files(io_map, deadline_ms, title).items():
        try:
            write_text(out / name, text)
        except OSError as error:
            raise InputError(
                f"{out / name}: cannot be written ({error.strerror})", hint="choose another --out"
            ) from None
        written.append(str(out / name))
    emit({"files": written}, "\n".join(written), as_json=as_json)


def _told(file: Path | None) -> tuple[IoMap, float, str]:
    """The map, the longest deadline of its stations, and a heading."""
    from lineproof.errors import InputError
    from lineproof.linefile import load_line
    from lineproof.settings import load_settings
    from lineproof.signals.io_map import IoMap
    from lineproof.yaml_file import read_yaml

    if file is None:
        return IoMap(), DEADLINE_MS, TITLE
    if "bundle" not in read_yaml(file):
        return load_settings(file, IoMap), DEADLINE_MS, TITLE
    line = load_line(file)
    if line.io.modbus is None:
        raise InputError(f"{file}: no `io.modbus`, so there are no registers to print", hint="add io: {modbus: {}}")
    deadline_ms = max(station.deadline_ms for station in line.stations.values())
    return line.io.modbus, deadline_ms, f"{line.name}: lineproof and the controller"
