"""What the DSL and the YAML form write alike: kinds, ranges, options, arrays."""

from __future__ import annotations

import re

from lossc.grammar import syntax as ast
from lossc.grammar.format_expression import number, quoted
from lossc.grammar.layout import Doc, enclosed, joined
from lossc.grammar.words import GIVES, RESERVED


def use(statement: ast.Use) -> str:
    """``other as alias``."""
    return statement.name.id + (f" as {statement.alias.id}" if statement.alias else "")


def kind(declared: ast.Kind) -> str:
    """``target real[n] in [0, inf) = 1``."""
    words = "target " if declared.target else ""
    dims = ", ".join(str(dim.size) for dim in declared.dims)
    words += declared.type + (f"[{dims}]" if dims else "")
    if declared.below:
        words += f" in {declared.below.size}"
    if declared.range:
        words += f" in {interval(declared.range)}"
    if declared.ignore:
        words += f" ignore {declared.ignore.id}"
    return words + (f" = {literal(declared.default)}" if declared.default is not None else "")


def param(declared: ast.Param) -> str:
    """``0.5 in (0, inf)``."""
    within = f" in {interval(declared.range)}" if declared.range else ""
    return literal(declared.default) + within


def interval(bounds: ast.Range) -> str:
    """``(0, inf)``."""
    left, right = "[" if bounds.closed_low else "(", "]" if bounds.closed_high else ")"
    return f"{left}{_bound(bounds.low)}, {_bound(bounds.high)}{right}"


def option(choice: ast.Option) -> Doc:
    """``idw(good = 8, gradient = published)``."""
    if not choice.arguments:
        return choice.name
    settings = ((f"{key} = ", argument(value)) for key, value in choice.arguments)
    return (choice.name, enclosed("(", joined(settings), ")"))


def argument(value: ast.Literal | ast.Option) -> Doc:
    """A number, a word, a string in quotes, or a choice in brackets."""
    if isinstance(value, ast.Option):
        return option(value) if value.arguments else f"{value.name}()"
    if isinstance(value, str) and is_name(value):
        return value
    return literal(value)


def literal(value: ast.Literal) -> str:
    """A number or a string in quotes."""
    return quoted(value) if isinstance(value, str) else number(value)


def array(values: ast.Array) -> Doc:
    """A number, or nested lists of them."""
    if isinstance(values, tuple):
        return enclosed("[", joined(map(array, values)), "]")
    return quoted(values) if values == GIVES else argument(values)


def is_name(value: str) -> bool:
    """Whether a text can stand without quotes."""
    return re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", value) is not None and value not in RESERVED


def _bound(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) <= 2**53 else number(value)
