"""`lineproof prove`: the acceptance of a bundle, and what belongs to it."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from lineproof.cli.prove.agree import agree, study
from lineproof.cli.prove.bundle import bundle
from lineproof.cli.prove.compare import compare
from lineproof.cli.prove.plan import plan, sequential
from lineproof.cli.prove.recorded import recorded

_FIRST = "bundle"


class _BundleFirst(TyperGroup):
    """`prove BUNDLE DATASET` is `prove bundle BUNDLE DATASET`: what is no verb is the bundle."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (typer keeps its click to itself)
        """Put the verb in front where it was left out."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = [_FIRST, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="prove",
    cls=_BundleFirst,
    help="Prove what a bundle misses: `lineproof prove BUNDLE DATASET` bounds it, reports it and seals the proof.",
    no_args_is_help=True,
)
app.command(_FIRST)(bundle)
app.command()(compare)
app.command()(recorded)
app.command()(plan)
app.command()(sequential)
app.command()(study)
app.command()(agree)
