"""``lossc report``: a page about the surrogate of a spec, and its figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail
from lossc.commands.options import (
    Choices,
    Interpolation,
    Json,
    Param,
    Reference,
    Seed,
    Specs,
    Squash,
    Step,
)
from lossc.commands.output import print_json
from lossc.commands.starting import warn_of_dead_start

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss
    from lossc.reporting.figures import Report

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.html", help="Where to write. [standard output]"),
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer samples: a first look.")]


def report(
    spec: Reference,
    output: Output = None,
    quick: Quick = False,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    folders: Specs = None,
    as_json: Json = False,
) -> None:
    """Measure a surrogate (fidelity, gradients, curves, cost) and write an HTML page about it."""
    if output is not None:
        check_writable(output, (".html", ".htm"), "--output")
    choices = Choices.given(param, step, interpolation, squash, seed, folders)
    measured = _measured(spec, choices, quick)
    warn_of_dead_start(choices.compile(spec), spec)
    if as_json:
        print_json(measured.as_dict())
        if output is None:
            return
    from lossc.reporting.page import page

    text = page(measured)
    if output is None:
        typer.echo(text.encode(), nl=False)  # the page says that it is UTF-8
        return
    try:
        write_atomically(output, text)
    except OSError as error:
        fail(f"cannot write '{output}': {error.strerror or error}")
    complain(f"wrote {output}")


def _measured(spec: str, choices: Choices, quick: bool) -> Report:
    """The figures; on a terminal it says what takes the time."""
    from rich.console import Console

    from lossc.reporting.measure import FULL, QUICK, measure

    def compile_with(interpolation: str | None, transform: str | None) -> CompiledLoss:
        return choices.contender(spec, interpolation, transform)

    console = Console(stderr=True)
    with console.status("compiling") as status:
        return measure(
            compile_with, seed=choices.seed, effort=QUICK if quick else FULL, tell=status.update
        )
