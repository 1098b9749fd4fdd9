"""The syntax tree: frozen dataclasses, one per construct, each with its span.

Spans do not take part in equality, so ``parse(format(tree)) == tree`` is a law.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf
from typing import TypeAlias

from lossc.grammar.expressions import (
    Access,
    Arithmetic,
    Binder,
    Call,
    Compare,
    Else,
    Expr,
    Interval,
    Iverson,
    Logic,
    Name,
    Negate,
    Not,
    Number,
    Order,
    Reduction,
    String,
    Tuple,
)
from lossc.grammar.source import Span

__all__ = [
    "Access",
    "Arithmetic",
    "Array",
    "Binder",
    "Call",
    "Compare",
    "Definition",
    "Dim",
    "Else",
    "Example",
    "Expr",
    "Goal",
    "Input",
    "Interval",
    "Iverson",
    "Kind",
    "Literal",
    "Logic",
    "Name",
    "Negate",
    "Not",
    "Number",
    "Option",
    "Order",
    "Param",
    "Range",
    "Reduction",
    "Schedule",
    "Spec",
    "String",
    "Surrogate",
    "Term",
    "Tuple",
    "Use",
]

Literal = int | float | str
#: What an example gives an input: a number (or a word, for a param), or lists of them.
Array: TypeAlias = "int | float | str | tuple[Array, ...]"


@dataclass(frozen=True)
class Dim:
    """A dim symbol (``n``) or a fixed size (``2``)."""

    size: str | int
    span: Span


@dataclass(frozen=True)
class Kind:
    """``[target] real|int|bool [dims] [in below|range] [ignore param] [= default]``."""

    type: OneOf["real", "int", "bool"]
    target: bool
    dims: tuple[Dim, ...]
    below: Dim | None
    range: Range | None
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
    """``in (0, inf)``: the values that a param or a real input may take."""

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
    """``term name = body``.

    Args:
        name: What it is called.
        body: An expression, or a call of another spec.
        span: Of the statement.
        called: That spec, once it has been found.
    """

    name: Name
    body: Expr
    span: Span
    called: Spec | None = field(default=None, compare=False, repr=False)


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
class Example:
    """``example score = [0.9, 0.1], relevant = [1, 0] gives 1``.

    Args:
        inputs: What inputs and params are, nested as their dims are.
        value: What the metric, or the loss, is then.
        span: Of the statement.
    """

    inputs: tuple[tuple[Name, Array], ...]
    value: int | float
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
    examples: tuple[Example, ...]
    span: Span
