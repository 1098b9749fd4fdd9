"""Statements to a spec: what may occur once, what must occur, and in which order it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from lossc.grammar import syntax as ast
from lossc.grammar.errors import Diagnostic
from lossc.grammar.source import Span
from lossc.grammar.statement_builder import Heading, Statement
from lossc.grammar.words import GOALS

_T = TypeVar("_T")
_GOAL = "`evaluate`, `minimize`, `loss` or `combine`"
#: Definitions refer to each other in any order, and the YAML form groups them by kind: so do we.
_ORDER = ("decode", "let", "truth")


def assemble(
    statements: Sequence[Statement], span: Span, *, whole: bool = True, yaml: bool = False
) -> tuple[ast.Spec | None, list[Diagnostic]]:
    """A spec out of its statements, and what is wrong with them as a set.

    Args:
        statements: In their order in the file.
        span: Of the document.
        whole: All statements could be read; if not, a missing part is no news.
        yaml: The document is in YAML: messages speak of keys.

    Returns:
        The spec, ``None`` if a part is missing; and the findings.
    """
    headings = [statement for statement in statements if isinstance(statement, Heading)]
    goals = _only(statements, ast.Goal)
    found: list[Diagnostic] = []
    for kind in ("spec", "doc", "source"):
        of_kind = [heading for heading in headings if heading.kind == kind]
        found += [_again(f"`{kind}`", again.span, of_kind[0].span) for again in of_kind[1:]]
    found += [
        _again("the goal", _keyword(goal), goals[0].span, f"a spec has one of {_GOAL}")
        for goal in goals[1:]
    ]
    found += _defined_twice(statements)
    inputs = _only(statements, ast.Input)
    names = [heading for heading in headings if heading.kind == "spec"]
    place = names[0].span if names else Span(span.source, span.start, span.start)
    if whole and not names:
        expected = "`name: NAME`" if yaml else "`spec NAME`"
        found.append(Diagnostic(place, "missing-part", "a spec has a name", expected))
    uses = _only(statements, ast.Use)  # what it uses may bring all of its inputs
    if whole and not inputs and not uses:
        message = "a spec has at least one input"
        expected = "`inputs:`" if yaml else "`input scores: real[n, p]`"
        found.append(Diagnostic(place, "missing-part", message, expected))
    if whole and not goals:
        message = "nothing says what is computed"
        found.append(Diagnostic(place, "missing-part", message, _GOAL))
    if not (names and (inputs or uses) and goals):
        return None, found
    definitions = _only(statements, ast.Definition)
    return ast.Spec(
        name=ast.Name(names[0].text, names[0].span),
        doc=_text(headings, "doc"),
        source=_text(headings, "source"),
        uses=uses,
        inputs=inputs,
        params=_only(statements, ast.Param),
        definitions=tuple(sorted(definitions, key=lambda each: _ORDER.index(each.kind))),
        terms=_only(statements, ast.Term),
        goal=goals[0],
        surrogates=_only(statements, ast.Surrogate),
        schedules=_only(statements, ast.Schedule),
        examples=_only(statements, ast.Example),
        span=span,
    ), found


def _only(statements: Iterable[Statement], kind: type[_T]) -> tuple[_T, ...]:
    return tuple(statement for statement in statements if isinstance(statement, kind))


def _text(headings: Iterable[Heading], kind: str) -> str | None:
    return next((heading.text for heading in headings if heading.kind == kind), None)


def _keyword(goal: ast.Goal) -> Span:
    """The statement word of a goal rather than its whole body."""
    text = goal.span.text
    word = next((word for word in GOALS if text.startswith(word)), text)
    return Span(goal.span.source, goal.span.start, goal.span.start + len(word))


def _defined_twice(statements: Iterable[Statement]) -> list[Diagnostic]:
    """One finding for each name that is taken already.

    The names of ``truth`` are those of inputs, and a spec's slots, ``use`` and the rest are apart.
    """
    first: dict[tuple[str, str], Span] = {}
    found = []
    for statement in statements:
        match statement:
            case ast.Definition(kind="truth", name=name):
                room = "the truth of"
            case ast.Input(name=name) | ast.Param(name=name) | ast.Term(name=name):
                room = ""
            case ast.Definition(name=name):
                room = ""
            case ast.Surrogate(slot=name):
                room = "surrogate"
            case ast.Use(name=name, alias=alias):
                name, room = alias or name, "use of"
            case _:
                continue
        key = (room, name.id)
        if key in first:
            found.append(_again(f"{room} '{name.id}'".strip(), name.span, first[key]))
        else:
            first[key] = name.span
    return found


def _again(what: str, span: Span, first: Span, hint: str | None = None) -> Diagnostic:
    message = f"{what} is given twice: first in line {first.line}"
    return Diagnostic(span, "duplicate", message, hint=hint)
