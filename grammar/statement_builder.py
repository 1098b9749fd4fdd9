"""Grammar rules to syntax tree: statements and their pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from lossc.grammar import syntax as ast
from lossc.grammar.builder import (
    Built,
    ExpressionBuilder,
    after,
    name_of,
    parts_of,
    span_of,
    twice,
    value_after,
)
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.source import Span
from lossc.grammar.tokens import Token
from lossc.grammar.words import LONE_OPTIONS, REDUCTIONS


@dataclass(frozen=True)
class Heading:
    """``spec name``, ``doc "..."`` or ``source "..."``: the statements that are one text."""

    kind: str
    text: str
    span: Span


Statement = (
    Heading
    | ast.Use
    | ast.Input
    | ast.Param
    | ast.Definition
    | ast.Term
    | ast.Goal
    | ast.Surrogate
    | ast.Schedule
    | ast.Example
)


def refuse_reduction(name: str, span: Span, *, subscripted: bool) -> None:
    """Refuse a declared name that an expression could never refer to."""
    if subscripted and name in REDUCTIONS:
        message = f"'{name}' is a reduction and cannot be a name with subscripts"
        hint = f"'{name}[...]' always reads as the reduction: choose another name"
        raise SpecError(Diagnostic(span, "keyword-name", message, hint=hint))


def declared(token: Token, *, subscripted: bool) -> ast.Name:
    """The name that a statement declares."""
    refuse_reduction(token.text, token.span, subscripted=subscripted)
    return name_of(token)


def given_once(
    given: Sequence[tuple[ast.Name, ast.Array]],
) -> tuple[tuple[ast.Name, ast.Array], ...]:
    """The inputs of an example, none of which may be given twice."""
    names: set[str] = set()
    for name, _ in given:
        if name.id in names:
            raise SpecError(twice("input", name.id, name.span))
        names.add(name.id)
    return tuple(given)


class Builder(ExpressionBuilder):
    """All callbacks of the parser. Statements come back as lists: ``input a, b`` makes two."""

    # ------------------------------------------------------------------ pieces

    def use(self, c: list[Any]) -> Built:
        alias = after(c, "as")
        use = ast.Use(name_of(c[0]), name_of(alias) if alias else None, span_of(c))
        return Built(use, use.span)

    def kind(self, c: list[Any]) -> Built:
        limit, ignore = after(c, "in"), after(c, "ignore")
        dims = [part.value for part in parts_of(c) if part is not limit]
        within = limit.value if limit else None
        kind = ast.Kind(
            type=next(child.text for child in c if _is(child, "TYPE")),
            target=any(_is(child, "TARGET") for child in c),
            dims=tuple(dim for dim in dims if isinstance(dim, ast.Dim)),
            below=within if isinstance(within, ast.Dim) else None,
            range=within if isinstance(within, ast.Range) else None,
            ignore=name_of(ignore) if ignore else None,
            default=value_after(c, "="),
            span=span_of(c),
        )
        return Built(kind, kind.span)

    def dim(self, c: list[Any]) -> Built:
        token = c[0]
        if token.type == "NAME":
            return Built(ast.Dim(name_of(token).id, token.span), token.span)
        if not isinstance(token.value, int) or token.value < 1:
            message = f"'{token.text}' is no size of a dim"
            raise SpecError(Diagnostic(token.span, "syntax", message, "a positive integer"))
        return Built(ast.Dim(token.value, token.span), token.span)

    def literal(self, c: list[Any]) -> Built:
        token = c[-1]
        if token.type == "NAME":
            return Built(token.text, token.span)
        return Built(-token.value if _is(c[0], "MINUS") else token.value, span_of(c))

    def bound(self, c: list[Any]) -> Built:
        value = inf if c[-1].text == "inf" else float(c[-1].value)
        return Built(-value if _is(c[0], "MINUS") else value, span_of(c))

    def interval(self, c: list[Any]) -> Built:
        low, high = (part.value for part in parts_of(c))
        closed_low, closed_high = c[0].text == "[", c[-1].text == "]"
        span = span_of(c)
        return Built(ast.Range(low, high, closed_low, closed_high, span), span)

    def param(self, c: list[Any]) -> Built:
        return Built((c[0].value, value_after(c, "in")), span_of(c))

    def head(self, c: list[Any]) -> Built:
        binders = value_after(c, "[") or ()
        return Built((declared(c[0], subscripted=bool(binders)), binders), span_of(c))

    def option(self, c: list[Any]) -> Built:
        arguments: dict[str, Any] = {}
        for part in parts_of(c):
            key, value = part.value
            if key in arguments:
                raise SpecError(twice("option", key, part.span))
            arguments[key] = value
        option = ast.Option(c[0].text, tuple(arguments.items()), span_of(c))
        return Built(option, option.span)

    nested_option = option

    def lone_option(self, c: list[Any]) -> Built:
        name, value = c[0].text, c[2].value
        if name not in LONE_OPTIONS:
            message = f"the {c[2].text} in {name}({c[2].text}) needs the name of an option"
            raise SpecError(Diagnostic(c[2].span, "syntax", message, "`name = value`"))
        span = span_of(c)
        return Built(ast.Option(name, ((LONE_OPTIONS[name], value),), span), span)

    def setting(self, c: list[Any]) -> Built:
        return Built((c[0].text, c[2].value), span_of(c))

    def quantity(self, c: list[Any]) -> Built:
        value = inf if c[-1].text == "inf" else c[-1].value
        return Built(-value if _is(c[0], "MINUS") else value, span_of(c))

    def word(self, c: list[Any]) -> Built:
        return Built(c[0].value if c[0].type == "STRING" else c[0].text, c[0].span)

    def items(self, c: list[Any]) -> Built:
        return Built(tuple(part.value for part in parts_of(c)), span_of(c))

    def given(self, c: list[Any]) -> Built:
        return Built((name_of(c[0]), c[2].value), span_of(c))

    # ------------------------------------------------------------------ statements

    def heading(self, c: list[Any]) -> list[Statement]:
        return [Heading("spec", name_of(c[1]).id, c[1].span)]

    def doc(self, c: list[Any]) -> list[Statement]:
        return [Heading("doc", c[1].value, span_of(c))]

    def origin(self, c: list[Any]) -> list[Statement]:
        return [Heading("source", c[1].value, span_of(c))]

    def use_statement(self, c: list[Any]) -> list[Statement]:
        return [ast.Use(c[1].value.name, c[1].value.alias, span_of(c))]

    def inputs(self, c: list[Any]) -> list[Statement]:
        kind, span = c[-1].value, span_of(c)
        names = [child for child in c if _is(child, "NAME")]
        subscripted = bool(kind.dims)
        return [ast.Input(declared(name, subscripted=subscripted), kind, span) for name in names]

    def param_statement(self, c: list[Any]) -> list[Statement]:
        default, range_ = c[3].value
        return [ast.Param(name_of(c[1]), default, range_, span_of(c))]

    def definition(self, c: list[Any]) -> list[Statement]:
        name, binders = c[1].value
        return [ast.Definition(c[0].text, name, binders, c[3].value, span_of(c))]

    def term(self, c: list[Any]) -> list[Statement]:
        return [ast.Term(name_of(c[1]), c[3].value, span_of(c))]

    def goal(self, c: list[Any]) -> list[Statement]:
        kind: Any = "evaluate" if c[0].text == "maximize" else c[0].text
        return [ast.Goal(kind, c[1].value, span_of(c))]

    def surrogate(self, c: list[Any]) -> list[Statement]:
        return [ast.Surrogate(name_of(c[1]), c[2].value, span_of(c))]

    def schedule(self, c: list[Any]) -> list[Statement]:
        return [ast.Schedule(c[1].value, span_of(c))]

    def example(self, c: list[Any]) -> list[Statement]:
        *given, value = [part.value for part in parts_of(c)]
        return [ast.Example(given_once(given), value, span_of(c))]


def _is(child: Any, type_: str) -> bool:
    return isinstance(child, Token) and child.type == type_
