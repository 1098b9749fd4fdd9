"""Grammar rules to syntax tree: one method for each rule of ``expr.lark``.

The parser calls them bottom-up, so that no text, however deep, makes Python recurse.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lossc.grammar import syntax as ast
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.source import Span
from lossc.grammar.tokens import Token
from lossc.grammar.words import MAX_DEPTH

_PYTHON = {"True": "1", "False": "0", "None": None}


@dataclass(slots=True)
class Built:
    """A finished construct, and how deep it nests.

    The span is kept beside the value because brackets around an expression belong to the
    construct that holds it, not to the expression.
    """

    value: Any
    span: Span
    depth: int = 1


def parts_of(children: list[Any]) -> list[Any]:
    """The constructs among a rule's children: no punctuation, no absent options."""
    return [child for child in children if isinstance(child, Built)]


def span_of(children: list[Any]) -> Span:
    """From the first child to the last, punctuation included."""
    present = [child for child in children if child is not None]
    first: Span = present[0].span
    return first.to(present[-1].span)


def expression(children: list[Any], make: Any, *fields: Any) -> Built:
    """An expression node of all of a rule's children, one deeper than the deepest of them."""
    span = span_of(children)
    depth = 1 + max((part.depth for part in parts_of(children)), default=0)
    if depth > MAX_DEPTH:
        message = f"an expression nests deeper than {MAX_DEPTH}"
        hint = "give parts of it a name with `let`"
        raise SpecError(Diagnostic(span, "too-large", message, hint=hint))
    return Built(make(*fields, span), span, depth)


def name_of(token: Token) -> ast.Name:
    """A token as a name; not one of Python's constants, which would be taken for numbers."""
    if token.text in _PYTHON:
        message = f"there is no '{token.text}'"
        instead = _PYTHON[token.text]
        hint = f"write {instead}, or a comparison" if instead else None
        raise SpecError(Diagnostic(token.span, "unknown-name", message, hint=hint))
    return ast.Name(token.text, token.span)


def after(children: list[Any], word: str) -> Any:
    """What follows a word in a rule's children, if the word is there."""
    for child, following in pairwise(children):
        if isinstance(child, Token) and child.text == word:
            return following
    return None


def value_after(children: list[Any], word: str) -> Any:
    """The value of the construct that follows a word, if the word is there."""
    built = after(children, word)
    return None if built is None else built.value


def twice(what: str, name: str, span: Span) -> Diagnostic:
    """The finding that something is given a second time."""
    return Diagnostic(span, "duplicate", f"{what} '{name}' is given twice")


@dataclass(frozen=True)
class _Named:
    name: str
    value: Any


class ExpressionBuilder:
    """The callbacks of the parser: each takes a rule's children, tokens included."""

    def number(self, c: list[Any]) -> Built:
        return expression(c, ast.Number, c[0].value)

    def string(self, c: list[Any]) -> Built:
        return expression(c, ast.String, c[0].value)

    def name(self, c: list[Any]) -> Built:
        return Built(name_of(c[0]), c[0].span)

    def access(self, c: list[Any]) -> Built:
        return expression(c, ast.Access, name_of(c[0]), tuple(part.value for part in parts_of(c)))

    def call(self, c: list[Any]) -> Built:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for part in parts_of(c):
            if not isinstance(part.value, _Named):
                if named:
                    message = "an argument without a name follows one with a name"
                    raise SpecError(Diagnostic(part.span, "syntax", message))
                positional.append(part.value)
            elif part.value.name in named:
                raise SpecError(twice("argument", part.value.name, part.span))
            else:
                named[part.value.name] = part.value.value
        return expression(c, ast.Call, name_of(c[0]), tuple(positional), tuple(named.items()))

    def named(self, c: list[Any]) -> Built:
        return Built(_Named(c[0].text, c[2].value), span_of(c), c[2].depth)

    def negate(self, c: list[Any]) -> Built:
        return expression(c, ast.Negate, c[1].value)

    def not_(self, c: list[Any]) -> Built:
        return expression(c, ast.Not, c[1].value)

    def arithmetic(self, c: list[Any]) -> Built:
        return expression(c, ast.Arithmetic, c[1].text, c[0].value, c[2].value)

    def compare(self, c: list[Any]) -> Built:
        return expression(c, ast.Compare, c[1].text, c[0].value, c[2].value)

    def logic(self, c: list[Any]) -> Built:
        return expression(c, ast.Logic, c[1].text, c[0].value, c[2].value)

    def else_(self, c: list[Any]) -> Built:
        return expression(c, ast.Else, c[0].value, c[2].value)

    def iverson(self, c: list[Any]) -> Built:
        return expression(c, ast.Iverson, c[1].value)

    def group(self, c: list[Any]) -> Built:
        parts = parts_of(c)
        if len(parts) == 1:
            return Built(parts[0].value, span_of(c), parts[0].depth)
        return expression(c, ast.Tuple, tuple(part.value for part in parts))

    def reduce(self, c: list[Any]) -> Built:
        binders, where, body = value_after(c, "["), value_after(c, "|"), value_after(c, "]")
        return expression(c, ast.Reduction, c[0].text, binders, where, body)

    def count(self, c: list[Any]) -> Built:
        binders, where = value_after(c, "["), value_after(c, "|")
        return expression(c, ast.Reduction, "count", binders, where, None)

    def order(self, c: list[Any]) -> Built:
        binders, where, body = value_after(c, "["), value_after(c, "|"), value_after(c, "]")
        return expression(c, ast.Order, c[0].text, binders, where, body, value_after(c, "at"))

    def binders(self, c: list[Any]) -> Built:
        parts = parts_of(c)
        names: set[str] = set()
        for part in parts:
            name = part.value.name
            if name.id in names:
                raise SpecError(twice("index", name.id, name.span))
            names.add(name.id)
        values = tuple(part.value for part in parts)
        return Built(values, span_of(c), max(part.depth for part in parts))

    def binder(self, c: list[Any]) -> Built:
        depth = max((part.depth for part in parts_of(c)), default=0)
        span = span_of(c)
        return Built(ast.Binder(name_of(c[0]), value_after(c, "in"), span), span, depth)

    def between(self, c: list[Any]) -> Built:
        return expression(c, ast.Interval, c[0].value, c[2].value)
