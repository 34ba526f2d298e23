"""`lineproof data`: everything about a dataset, one verb a function."""

from __future__ import annotations

import typer

from lineproof.cli.data_augment import augment_preview
from lineproof.cli.data_check import check, show, split, stats, synth
from lineproof.cli.data_gap import gap
from lineproof.cli.data_import import import_
from lineproof.cli.data_next import next_
from lineproof.cli.data_size import size
from lineproof.cli.data_suspects import suspects

app = typer.Typer(name="data", help="Import, check, split, look at and draw datasets.", no_args_is_help=True)
app.command("import")(import_)
app.command()(check)
app.command()(split)
app.command()(show)
app.command()(stats)
app.command()(suspects)
app.command()(size)
app.command()(synth)
app.command()(gap)
app.command("next")(next_)
app.command("augment-preview")(augment_preview)
