"""``lossc compile``: a spec's loss as a Python module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail
from lossc.commands.options import (
    Choices,
    Gather,
    Interpolation,
    Memory,
    Param,
    Reference,
    Schedules,
    Seed,
    Specs,
    Squash,
    Step,
    Transform,
)
from lossc.commands.starting import warn_of_dead_start

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.py", help="Where to write. [standard output]"),
]


def compile_spec(
    spec: Reference,
    output: Output = None,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    folders: Specs = None,
    schedule: Schedules = None,
    transform: Transform = None,
    gather: Gather = None,
    memory: Memory = None,
) -> None:
    """Check and validate a spec, and write its loss as a module that needs only torch."""
    if output is not None:
        check_writable(output, (".py",), "--output")
    shared = (param, step, interpolation, squash, seed, folders, schedule)
    choices = Choices.given(*shared, transform, gather, memory)
    compiled = choices.compile(spec)
    source = compiled.source()
    warn_of_dead_start(compiled, spec)
    if output is None:
        typer.echo(source.encode(), nl=False)  # Python source is UTF-8, whatever the terminal is
        return
    try:
        write_atomically(output, source)
    except OSError as error:
        fail(f"cannot write '{output}': {error.strerror or error}")
    complain(f"wrote {output}")
