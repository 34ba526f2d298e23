"""`lineproof io doc`: the page for the controls programmer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineproof.cli.output import JsonFlag, emit


def doc(
    out: Annotated[Path, typer.Option(help="folder for the page and its files")],
    map_file: Annotated[Path | None, typer.Argument(help="a map as in configs/io; default: register map 1.0")] = None,
    deadline_ms: Annotated[float, typer.Option(min=1, help="the line's deadline, from trigger to answer")] = 1000,
    title: Annotated[str, typer.Option(help="heading of the page")] = "lineproof and the controller",
    as_json: JsonFlag = False,
) -> None:
    """Write the page from which a controller is programmed: registers, timing, Structured Text.

    Example: `lineproof io doc configs/io/modbus-1.0.yaml --out io`
    """
    from lineproof.atomic import write_text
    from lineproof.errors import InputError
    from lineproof.settings import load_settings
    from lineproof.signals.doc.page import files
    from lineproof.signals.io_map import IoMap

    io_map = IoMap() if map_file is None else load_settings(map_file, IoMap)
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
