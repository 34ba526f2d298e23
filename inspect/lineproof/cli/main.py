"""The command line: one short module per verb; exit 0 done, 1 the answer is no, 2 the call or its input was wrong."""

from __future__ import annotations

import sys
from types import TracebackType

import click
import typer

from lineproof import __version__
from lineproof.errors import LineproofError

app = typer.Typer(
    name="lineproof",
    help="Adapt a pretrained detector to your defects, prove what it misses, run it on the line.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    *,
    version: bool = typer.Option(False, "--version", help="print the version and exit"),
    debug: bool = typer.Option(
        False, "--debug", help="show the traceback of an error (may stand anywhere on the line)"
    ),
) -> None:
    del debug  # read in `main`, before anything can fail
    if version:
        typer.echo(f"lineproof {__version__}")
        raise typer.Exit


def main(argv: list[str] | None = None) -> None:
    """Run one verb and exit with its code; errors are one line unless `--debug`."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    if not debug:
        sys.excepthook = _one_line
    args = [arg for arg in args if arg != "--debug"]
    try:
        code = app(args, prog_name="lineproof", standalone_mode=False)
    except LineproofError as error:
        if debug:
            raise
        _complain(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        _complain("stopped by Ctrl-C")
        sys.exit(130)
    except BrokenPipeError:  # `lineproof … | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(line: str) -> None:
    sys.stderr.write(f"lineproof: {line}\n")


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw, in one line; the traceback is one flag away."""
    del trace
    _complain(f"internal error: {kind.__name__}: {error} – run again with --debug and report it")
    sys.exit(2)
