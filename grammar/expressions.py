"""The syntax tree of expressions: frozen dataclasses, one a construct, each with its span.

Other files take them from ``syntax.py``, beside the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from lossc.grammar.source import Span


@dataclass(frozen=True)
class Number:
    """A number without a sign."""

    value: int | float
    span: Span


@dataclass(frozen=True)
class String:
    """``"text"``."""

    value: str
    span: Span


@dataclass(frozen=True)
class Name:
    """An input, param, definition, dim or index, without subscripts."""

    id: str
    span: Span


@dataclass(frozen=True)
class Access:
    """``name[i, j]``."""

    name: Name
    indices: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Call:
    """``name(args, key=value)``: an elementwise function, ``valid``, ``detach``, ``adaptive``..."""

    name: Name
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True)
class Negate:
    """``-value``."""

    value: Expr
    span: Span


@dataclass(frozen=True)
class Arithmetic:
    """``+ - * / // % ^``."""

    op: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True)
class Compare:
    """``== != < <= > >= beats``."""

    op: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True)
class Logic:
    """``and``, ``or``."""

    op: OneOf["and", "or"]
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True)
class Not:
    """``not value``."""

    value: Expr
    span: Span


@dataclass(frozen=True)
class Interval:
    """``lo .. hi``, both ends included: the range of an explicit index."""

    low: Expr
    high: Expr
    span: Span


@dataclass(frozen=True)
class Binder:
    """An index that a reduction or a definition binds, with its range where one is written."""

    name: Name
    range: Expr | Interval | None
    span: Span


@dataclass(frozen=True)
class Reduction:
    """``op[binders | filter] body``; ``count`` has no body."""

    op: str  # sum mean prod min max argmax argmin any all logsumexp count
    binders: tuple[Binder, ...]
    filter: Expr | None
    body: Expr | None
    span: Span


@dataclass(frozen=True)
class Order:
    """``op[binders | filter] body at position``: sort, rank, cumsum."""

    op: str
    binders: tuple[Binder, ...]
    filter: Expr | None
    body: Expr
    at: Expr
    span: Span


@dataclass(frozen=True)
class Iverson:
    """``[condition]``: 1 where it holds, else 0."""

    condition: Expr
    span: Span


@dataclass(frozen=True)
class Else:
    """``value else default``: the default where the value is undefined."""

    value: Expr
    default: Expr
    span: Span


@dataclass(frozen=True)
class Tuple:
    """``(a, b)``: a point, or a pair of a weighting."""

    items: tuple[Expr, ...]
    span: Span


Expr = (
    Number
    | String
    | Name
    | Access
    | Call
    | Negate
    | Arithmetic
    | Compare
    | Logic
    | Not
    | Reduction
    | Order
    | Iverson
    | Else
    | Tuple
)
