"""`lineproof io`: the wires to a controller."""

from __future__ import annotations

import typer

from lineproof.cli.io_doc import doc

app = typer.Typer(name="io", help="The wires to a controller: the page for whoever programs it.", no_args_is_help=True)
app.command()(doc)


@app.callback()
def _io() -> None:
    """One verb so far, and still a group."""
