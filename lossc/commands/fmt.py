"""``lossc fmt``: specs in their canonical form, and from one form to the other."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail, is_the_users

if TYPE_CHECKING:
    from lossc.grammar.source import Source

YAML = (".yaml", ".yml")
DSL = (".lossc",)


class Form(StrEnum):
    """The two forms of a spec."""

    YAML = "yaml"
    DSL = "dsl"


Files = Annotated[
    list[str],
    typer.Argument(metavar="SPEC...", help="Paths of spec files; '-' is standard input."),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file would.")]
Diff = Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")]
To = Annotated[
    Form | None, typer.Option("--to", help="The form to write. [the file's own, or that of FILE]")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write. [in place]")
]


@dataclass(frozen=True)
class _Read:
    """A spec file.

    Args:
        source: Its text.
        form: The form that it is in.
        path: Where it may be written back; ``None`` for standard input and bundled specs.
    """

    source: Source
    form: Form
    path: Path | None


def fmt(
    specs: Files,
    check: Check = False,
    diff: Diff = False,
    to: To = None,
    output: Output = None,
) -> None:
    """Write specs in their canonical form, with all their comments; in place, or elsewhere."""
    if output is not None:
        check_writable(output, (*YAML, *DSL), "--output")
        written = Form.YAML if output.suffix.lower() in YAML else Form.DSL
        if to not in (None, written):
            raise typer.BadParameter(f"'{output}' is no {to} file", param_hint="--to")
        to = written
    if len(specs) > 1 and (to is not None or "-" in specs):
        what = "'-'" if "-" in specs else "--output" if output is not None else "--to"
        raise typer.BadParameter(f"{what} goes with one spec", param_hint="SPEC")
    wrong = changed = 0
    for reference in specs:
        try:
            changed += _format_one(reference, to, output, check=check, diff=diff)
        except Exception as error:
            if not is_the_users(error):
                raise
            complain(str(error))
            wrong += 1
    if wrong or (check and changed):
        raise typer.Exit(1)


def _format_one(
    reference: str, to: Form | None, output: Path | None, *, check: bool, diff: bool
) -> bool:
    """Format one spec file; whether its text changes."""
    from lossc.grammar.reformat import reformat

    read = _read(reference)
    form = to or read.form
    before = read.source.text
    after = reformat(read.source, yaml=read.form is Form.YAML, to_yaml=form is Form.YAML)
    changed = before != after
    if diff:
        name = read.source.name
        lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
        _print("".join(difflib.unified_diff(*lines, name, f"{name} (formatted)")))
    if check or diff:
        if check and changed:
            complain(f"would change {read.source.name}")
        return changed
    path = output or (read.path if form is read.form else None)
    if path is None:
        _print(after)
    elif changed or output is not None:
        try:
            write_atomically(path, after)
        except OSError as error:
            fail(f"cannot write '{path}': {error.strerror or error}")
        complain(f"wrote {path}")
    return changed


def _read(reference: str) -> _Read:
    from lossc import specs
    from lossc.grammar.load import from_text, is_dsl, read

    if reference == "-":
        source = from_text("<stdin>", sys.stdin.buffer.read())
        return _Read(source, Form.DSL if is_dsl(source.text) else Form.YAML, None)
    path: Path | None = Path(reference)
    assert path is not None
    if not path.suffix and not path.exists() and reference in specs.names():
        source, path = read(specs.path(reference)), None
    else:
        source = read(path)
    form = Form.YAML if Path(source.name).suffix.lower() in YAML else Form.DSL
    return _Read(source, form, path)


def _print(text: str) -> None:
    """Print a spec, which is UTF-8 whatever the terminal is."""
    typer.echo(text.encode(), nl=False)
