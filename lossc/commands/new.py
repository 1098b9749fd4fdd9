"""``lossc new``: a commented spec to start from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.files import check_writable, is_device, write_atomically
from lossc.commands.guard import complain, fail


class Kind(StrEnum):
    """What is judged, or that it is a loss; each has a text in ``lossc.starters``."""

    CLASSIFICATION = "classification"
    RANKING = "ranking"
    SEGMENTATION = "segmentation"
    POSE = "pose"
    LOSS = "loss"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the spec.")]
Start = Annotated[Kind, typer.Option("--kind", help="What the network puts out.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write. [NAME.lossc]"),
]
Yaml = Annotated[bool, typer.Option("--yaml", help="Write the YAML form. [NAME.yaml]")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")]


def new(
    name: Name,
    kind: Start = Kind.CLASSIFICATION,
    output: Output = None,
    yaml: Yaml = False,
    force: Force = False,
) -> None:
    """Write a commented spec that compiles as it is, to be changed into your own."""
    from lossc.starters import starter, unfit

    problem = unfit(name)
    if problem is not None:
        raise typer.BadParameter(problem, param_hint="NAME")
    path = output or Path(f"{name}{'.yaml' if yaml else '.lossc'}")
    in_yaml = path.suffix.lower() in (".yaml", ".yml")
    check_writable(path, (".yaml", ".yml") if yaml else (".lossc", ".yaml", ".yml"), "--output")
    if path.exists() and not is_device(path) and not force:
        fail(f"'{path}' exists; --force overwrites it")
    try:
        write_atomically(path, starter(kind, name, yaml=yaml or in_yaml))
    except OSError as error:
        fail(f"cannot write '{path}': {error.strerror or error}")
    complain(f"wrote {path}; 'lossc check {path}' tries it")
