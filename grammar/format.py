"""Syntax tree to text, in the DSL or in YAML: reading it back gives an equal tree."""

from __future__ import annotations

from lossc.grammar import syntax as ast
from lossc.grammar.format_dsl import dsl_of
from lossc.grammar.format_expression import expression
from lossc.grammar.format_yaml import yaml_of
from lossc.grammar.layout import flat


def to_text(expr: ast.Expr) -> str:
    """An expression in the language on one line, with no more brackets than it needs."""
    return flat(expression(expr))


def to_dsl(spec: ast.Spec) -> str:
    """A spec as a ``.lossc`` text in its canonical form, without comments."""
    return dsl_of([spec])


def to_yaml(spec: ast.Spec) -> str:
    """A spec as a YAML text in its canonical form, without comments."""
    return yaml_of(spec)
