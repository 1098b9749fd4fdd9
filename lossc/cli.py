"""The command line: ``lossc COMMAND``, one file of ``lossc.commands`` each."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from lossc.commands.check import check
from lossc.commands.compile import compile_spec
from lossc.commands.curves import curves
from lossc.commands.explain import explain
from lossc.commands.fmt import fmt
from lossc.commands.guard import guarded
from lossc.commands.import_network import import_network
from lossc.commands.list import list_all
from lossc.commands.new import new
from lossc.commands.report import report
from lossc.commands.reproduce import reproduce
from lossc.commands.schema import schema
from lossc.commands.train import train

app = typer.Typer(
    name="lossc",
    help="Turns the metric that a model is judged by into the loss that it trains with.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "compile": compile_spec,
    "check": check,
    "explain": explain,
    "list": list_all,
    "new": new,
    "fmt": fmt,
    "schema": schema,
    "import": import_network,
    "report": report,
    "curves": curves,
    "train": train,
    "reproduce": reproduce,
}
for name, command in COMMANDS.items():
    app.command(name)(guarded(command))


def _show_version(wanted: bool) -> None:
    if wanted:
        from lossc import __version__

        typer.echo(f"lossc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Turns the metric that a model is judged by into the loss that it trains with."""


def main() -> None:
    """Run the command line and leave: 0 fine, 1 the input is wrong, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show must not stop us
            stream.reconfigure(errors="backslashreplace")
    app()
