"""``lossc schema``: the JSON Schema of the YAML form, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.json", help="Where to write. [standard output]"),
]


def schema(output: Output = None) -> None:
    """Print the JSON Schema of YAML specs: with it, an editor completes and explains their keys."""
    if output is not None:
        check_writable(output, (".json",), "--output")
    from lossc.grammar.yaml_shape import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if output is None:
        print(text, end="")
        return
    try:
        write_atomically(output, text)
    except OSError as error:
        fail(f"cannot write '{output}': {error.strerror or error}")
    complain(f"wrote {output}")
