"""The command line: one short module per verb; exit 0 done, 1 the answer is no, 2 the call or its input was wrong."""

from __future__ import annotations

import sys
from types import TracebackType

import typer
import typer.main

from lineproof import __version__
from lineproof.cli import bundle, data, prove, records, wires
from lineproof.cli.bench import bench
from lineproof.cli.commission import commission
from lineproof.cli.compare import compare
from lineproof.cli.curve import curve
from lineproof.cli.demo import demo
from lineproof.cli.doctor import doctor
from lineproof.cli.evaluate import evaluate
from lineproof.cli.inspect_images import inspect
from lineproof.cli.leaving import leave_hung_threads
from lineproof.cli.run import run
from lineproof.cli.serve import serve
from lineproof.cli.sim import sim
from lineproof.cli.train import export, train
from lineproof.errors import LineproofError

app = typer.Typer(
    name="lineproof",
    help="Adapt a pretrained detector to your defects, prove what it misses, run it on the line.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=True,
    pretty_exceptions_enable=False,
)


app.command()(demo)
app.add_typer(data.app)
app.command()(train)
app.command()(curve)
app.command()(compare)
app.command()(export)
app.command()(evaluate)
app.add_typer(prove.app)
app.command()(inspect)
app.command()(bench)
app.command()(commission)
app.command()(run)
app.command()(serve)
app.command()(sim)
app.add_typer(bundle.app)
app.add_typer(records.app)
app.add_typer(wires.app)
app.command()(doctor)


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


# Typer carries its own copy of click in newer releases; the base of its public BadParameter is right in all of them.
_UsageError: type[BaseException] = typer.BadParameter.__bases__[0]


def main(argv: list[str] | None = None) -> None:
    """Run one verb and exit with its code; errors are one line unless `--debug`."""
    try:
        _verb(list(sys.argv[1:] if argv is None else argv))
    except SystemExit as end:
        if argv is None:  # the process is ours
            leave_hung_threads(end.code)
        raise


def _verb(args: list[str]) -> None:
    debug = "--debug" in args
    if not debug:
        sys.excepthook = _one_line
    args = [arg for arg in args if arg != "--debug"]
    command = typer.main.get_command(app)  # not app(): that would install a traceback printer of its own
    try:
        code = command.main(args, prog_name="lineproof", standalone_mode=False)
    except LineproofError as error:
        if debug:
            raise
        _complain(str(error))
        sys.exit(error.exit_code)
    except _UsageError as error:
        _complain(_usage(error))
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped by Ctrl-C")
        sys.exit(130)
    except BrokenPipeError:  # `lineproof … | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: BaseException) -> str:
    """A wrong call, in one line, with where to look."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "lineproof"
    words = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{words.rstrip('.')} – see `{path} --help`"


def _complain(line: str) -> None:
    sys.stderr.write(f"lineproof: {line}\n")


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw, in one line; the traceback is one flag away."""
    del trace
    _complain(f"internal error: {kind.__name__}: {error} – run again with --debug and report it")
    sys.exit(2)
