"""``lossc explain``: the four stages of a spec, or an error code."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail
from lossc.commands.options import (
    Choices,
    Gather,
    Interpolation,
    Json,
    Memory,
    Param,
    Schedules,
    Seed,
    Specs,
    Squash,
    Step,
    Transform,
)
from lossc.commands.output import print_json, print_table

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


class Format(StrEnum):
    """How the stages are printed."""

    TABLE = "table"
    TEXT = "text"


Subject = Annotated[
    str, typer.Argument(metavar="SPEC|L0xx", help="A spec, or the code or name of an error.")
]
Graph = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also draw the stages: FILE.svg, FILE.mmd or FILE.dot."),
]
How = Annotated[Format, typer.Option("--format", help="How to print the stages.")]


def explain(
    subject: Subject,
    graph: Graph = None,
    how: How = Format.TABLE,
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
    as_json: Json = False,
) -> None:
    """Show how a spec was refactored into its four stages, or what an error code means."""
    if graph is not None:
        check_writable(graph, (".svg", ".mmd", ".dot"), "--graph")
    shared = (param, step, interpolation, squash, seed, folders, schedule)
    choices = Choices.given(*shared, transform, gather, memory)
    if _explain_rule(subject, as_json):
        return
    compiled = choices.compile(subject)
    if as_json:
        from lossc.compiler.uses.expand import origins

        stages, used = compiled.stages.as_dict(), origins(compiled.spec)
        print_json({"spec": compiled.spec.name.id, "stages": stages, "uses": used})
    elif how is Format.TEXT:
        print(compiled.stages)
        _tell_origins(compiled)
    else:
        columns = ("stage", "name", "expression", "condition", "count", "ties", "where")
        rows = ([row[column] for column in columns] for row in compiled.stages.rows())
        print_table(columns, rows, title=compiled.spec.name.id)
        for name, value in compiled.stages.summary().items():
            print(f"{name}: {value}")
        _tell_origins(compiled)
    if graph is not None:
        _draw(compiled, graph)


def _explain_rule(subject: str, as_json: bool) -> bool:
    """Explain ``subject`` if it is an error code or the name of a rule; whether it was."""
    from lossc.grammar.error_codes import RULES

    names = {rule.code: name for name, rule in RULES.items()}
    name = names.get(subject.upper(), subject)
    if name not in RULES:
        if re.fullmatch(r"[Ll]\d+", subject):
            fail(f"there is no error {subject.upper()}; codes go from {min(names)} to {max(names)}")
        return False
    rule = RULES[name]
    if as_json:
        facts = {"code": rule.code, "rule": name, "title": rule.title}
        print_json({**facts, "explanation": rule.explanation})
    else:
        print(f"{rule.code} [{name}]: {rule.title}\n\n{rule.explanation}")
    return True


def _tell_origins(compiled: CompiledLoss) -> None:
    """Which names come from specs that this one uses."""
    from lossc.compiler.uses.expand import origins

    for file, names in origins(compiled.spec).items():
        print(f"from {file}: {', '.join(names)}")


def _draw(compiled: CompiledLoss, path: Path) -> None:
    from lossc.compiler import diagram

    writers = {".svg": diagram.svg, ".mmd": diagram.mermaid, ".dot": diagram.dot}
    write = writers.get(path.suffix.lower(), diagram.svg)
    try:
        write_atomically(path, write(compiled.stages.graph(), title=compiled.spec.name.id))
    except OSError as error:
        fail(f"cannot write '{path}': {error.strerror or error}")
    complain(f"wrote {path}")
