"""Whether two specs define the same loss: proved by sympy, or refuted on a batch."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
import torch

from lossc.compiler.batches import batches
from lossc.compiler.build import read_and_build
from lossc.compiler.compile import compile_spec
from lossc.compiler.ir.graph import Graph
from lossc.compiler.passes.complements import complements
from lossc.compiler.passes.softmaxes import softmaxes
from lossc.compiler.passes.stable_logs import stable_logs
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.sums import Leaves, Sums, Term

Expr = Any
Exact = int | Fraction | str
Reference = str | os.PathLike[str]

_BATCHES = 24
_MOST_BITS = 6  # conditions of which every combination is tried
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Identity:
    """What was found.

    Args:
        verdict: ``True``: proved. ``False``: refuted by a batch. ``None``: neither.
        difference: What is left of left minus right under each sum; empty where proved.
        values: The two losses on the batch that refutes.
    """

    verdict: bool | None
    difference: tuple[str, ...] = ()
    values: tuple[float, float] | None = None


def identical(
    left: Reference,
    right: Reference,
    *,
    params: Mapping[str, Exact] | None = None,
    renamed: Mapping[str, str] | None = None,
    gradient: bool = True,
) -> Identity:
    """Whether two losses are equal on all inputs on which both are defined, for all params.

    Sums are compared summand by summand, after each sum over classes has been split into the
    labelled class and the others. That proves equality; where it does not, batches may refute it.

    Args:
        left: A spec that defines a ``loss``.
        right: Another, with the same inputs.
        params: Exact values (``2``, ``Fraction(1, 20)``, ``"background"``) of params of either;
            those that are not given stay symbols, equal by name.
        renamed: The left one's names for inputs of the right one.
        gradient: Whether the gradients must be equal, too; ``detach`` makes them differ.

    Raises:
        SpecError: A spec is wrong.
        ValueError: A spec defines no loss, or the inputs differ.
    """
    graphs = [_graph(spec, params or {}) for spec in (left, right)]
    names = _names(graphs[0], graphs[1], renamed or {})
    exact = {
        name: sympy.Rational(value)
        for name, value in (params or {}).items()
        if not isinstance(value, str)
    }
    leaves = Leaves()
    sides = [
        Sums(graph, leaves, exact, taken) for graph, taken in zip(graphs, ({}, names), strict=True)
    ]
    ours, theirs = (side.terms(graph.root) for side, graph in zip(sides, graphs, strict=True))
    left_over = _left_over(ours, theirs, leaves, gradient)
    if not left_over:
        return Identity(True)
    values = _refuting(left, right, graphs, params or {}, names)
    return Identity(None if values is None else False, tuple(left_over), values)


def _graph(spec: Reference, params: Mapping[str, Exact]) -> Graph:
    graph = read_and_build(spec)
    own = {param.name.id for param in graph.spec.params}
    texts = {n: v for n, v in params.items() if n in own and isinstance(v, str)}
    if texts:
        graph = read_and_build(spec, texts)
    if graph.goal != "loss":
        raise ValueError(f"'{graph.spec.name.id}' defines no loss")
    for rewriting in (stable_logs, softmaxes, complements):
        graph = rewriting(graph)
    return graph


def _names(ours: Graph, theirs: Graph, renamed: Mapping[str, str]) -> dict[str, str]:
    """Our names for the inputs and dims of the other spec."""
    known = {entry.name.id: entry for entry in ours.spec.inputs}
    names: dict[str, str] = {}
    for entry in theirs.spec.inputs:
        name = renamed.get(entry.name.id, entry.name.id)
        if name not in known or len(known[name].kind.dims) != len(entry.kind.dims):
            raise ValueError(f"the first spec has no input like '{entry.name.id}' of the second")
        names[entry.name.id] = name
        for own, other in zip(known[name].kind.dims, entry.kind.dims, strict=True):
            if isinstance(other.size, str):
                names[other.size] = str(own.size)
    return names


def _left_over(ours: list[Term], theirs: list[Term], leaves: Leaves, gradient: bool) -> list[str]:
    """The differences of summands that sympy does not find to be 0."""
    groups: dict[tuple[tuple[str, ...], frozenset[str]], Expr] = {}
    for terms, sign in ((ours, 1), (theirs, -1)):
        for term in terms:
            key = (tuple(sorted(index.name for index in term.indices)), term.filters)
            groups[key] = groups.get(key, sympy.Integer(0)) + sign * term.summand
    found = []
    for (indices, filters), difference in groups.items():
        questions = {"": difference}
        if gradient:
            for symbol in sorted(difference.free_symbols & leaves.live, key=str):
                questions[f"d/d{symbol} "] = sympy.diff(difference, symbol)
        for what, expression in questions.items():
            rest = _in_all_cases(_attached(expression, leaves), leaves)
            if rest != 0:
                where = f" | {', '.join(sorted(filters))}" if filters else ""
                found.append(f"sum[{', '.join(indices)}{where}] {what}{rest}")
    return found


def _attached(expression: Expr, leaves: Leaves) -> Expr:
    """Detached symbols as what they stand for, however deep they are nested."""
    while expression.free_symbols & set(leaves.behind):
        expression = expression.xreplace(leaves.behind)
    return expression


def _in_all_cases(expression: Expr, leaves: Leaves) -> Expr:
    """What is left of an expression where conditions hold or not; the first case that is not 0."""
    bits = [s for s in sorted(expression.free_symbols, key=str) if leaves.is_bit(s)]
    if len(bits) > _MOST_BITS:
        return reduced(expression)
    for held in itertools.product((sympy.Integer(0), sympy.Integer(1)), repeat=len(bits)):
        rest = reduced(expression.xreplace(dict(zip(bits, held, strict=True))))
        if rest != 0:
            return rest
    return sympy.Integer(0)


def reduced(expression: Expr) -> Expr:
    """A form that is 0 if sympy can see that the expression is.

    Sigmoids of ``x`` and ``-x`` are written by one of them, exactly.
    """
    expression = fn.stable(expression).replace(
        lambda e: isinstance(e, fn.softplus), lambda e: -fn.logsigmoid(-e.args[0])
    )
    expression = expression.replace(
        lambda e: isinstance(e, fn.logsigmoid) and e.args[0].could_extract_minus_sign(),
        lambda e: fn.logsigmoid(-e.args[0]) + e.args[0],
    )
    expression = expression.replace(
        lambda e: isinstance(e, fn.sigmoid) and e.args[0].could_extract_minus_sign(),
        lambda e: 1 - fn.sigmoid(-e.args[0]),
    )
    for simpler in (sympy.expand, sympy.powsimp, sympy.cancel, sympy.simplify):
        expression = simpler(expression)
        if expression == 0:
            break
    return expression


def _refuting(
    left: Reference,
    right: Reference,
    graphs: list[Graph],
    params: Mapping[str, Exact],
    names: Mapping[str, str],
) -> tuple[float, float] | None:
    """The values of the two losses on a batch on which they differ."""
    losses = []
    for spec, graph in zip((left, right), graphs, strict=True):
        own = {param.name.id: param.default for param in graph.spec.params}
        given = {
            name: value if isinstance(value, str) else _as_given(value, graph.params[name])
            for name, value in params.items()
            if name in own
        }
        losses.append(compile_spec(spec, params=given).unscheduled.loss(validate=False))
    ours, theirs = (graph.spec for graph in graphs)
    for batch in batches(ours, dict(graphs[0].params), _BATCHES, 0):
        values = [
            float(loss(*(batch.inputs[names.get(entry.name.id, entry.name.id)] for entry in order)))
            for loss, order in zip(losses, (ours.inputs, theirs.inputs), strict=True)
        ]
        first, second = torch.tensor(values, dtype=torch.float64)
        if not first.isfinite() or not second.isfinite():
            continue
        if not torch.isclose(first, second, rtol=_TOLERANCE, atol=_TOLERANCE):
            return values[0], values[1]
    return None


def _as_given(value: int | Fraction, default: object) -> int | float:
    return int(value) if isinstance(default, int) and value == int(value) else float(value)
