"""The syntax tree: frozen dataclasses, one per construct, each with its span.

Spans do not take part in equality, so ``parse(format(tree)) == tree`` is a law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from lossc.grammar.source import Span

# ---------------------------------------------------------------------------- expressions


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

# ---------------------------------------------------------------------------- statements

Literal = int | float | str


@dataclass(frozen=True)
class Dim:
    """A dim symbol (``n``) or a fixed size (``2``)."""

    size: str | int
    span: Span


@dataclass(frozen=True)
class Kind:
    """``[target] real|int|bool [dims] [in below] [ignore param] [= default]``."""

    type: OneOf["real", "int", "bool"]
    target: bool
    dims: tuple[Dim, ...]
    below: Dim | None
    ignore: Name | None
    default: Literal | None
    span: Span

    @property
    def live(self) -> bool:
        """Gradients flow to it: ``real`` without ``target``."""
        return self.type == "real" and not self.target


@dataclass(frozen=True)
class Input:
    """``input name: kind``."""

    name: Name
    kind: Kind
    span: Span


@dataclass(frozen=True)
class Range:
    """``in (0, inf)``: the values that a param may take."""

    low: float
    high: float
    closed_low: bool
    closed_high: bool
    span: Span


@dataclass(frozen=True)
class Param:
    """``param name = default in range``."""

    name: Name
    default: Literal
    range: Range | None
    span: Span


@dataclass(frozen=True)
class Definition:
    """``let``, ``decode`` or ``truth``: ``name[binders] = body``."""

    kind: OneOf["let", "decode", "truth"]
    name: Name
    binders: tuple[Binder, ...]
    body: Expr
    span: Span


@dataclass(frozen=True)
class Term:
    """``term name = body``."""

    name: Name
    body: Expr
    span: Span


@dataclass(frozen=True)
class Goal:
    """What is computed: ``evaluate`` or ``minimize`` a metric, a ``loss``, ``combine`` terms."""

    kind: OneOf["evaluate", "minimize", "loss", "combine"]
    body: Expr
    span: Span


@dataclass(frozen=True)
class Use:
    """``use other as alias``."""

    name: Name
    alias: Name | None
    span: Span


@dataclass(frozen=True)
class Option:
    """A choice with parameters: ``idw(good = 16)``; a parameter's value may be a choice again."""

    name: str
    arguments: tuple[tuple[str, Literal | Option], ...]
    span: Span


@dataclass(frozen=True)
class Surrogate:
    """``surrogate step sigmoid(temperature = 1)``; the slot is `step` here."""

    slot: Name
    option: Option
    span: Span


@dataclass(frozen=True)
class Schedule:
    """``schedule warmup(first = cross_entropy, epochs = 5)``."""

    option: Option
    span: Span


@dataclass(frozen=True)
class Spec:
    """One document. Statements keep their order within each kind."""

    name: Name
    doc: str | None
    source: str | None
    uses: tuple[Use, ...]
    inputs: tuple[Input, ...]
    params: tuple[Param, ...]
    definitions: tuple[Definition, ...]
    terms: tuple[Term, ...]
    goal: Goal
    surrogates: tuple[Surrogate, ...]
    schedules: tuple[Schedule, ...]
    span: Span
