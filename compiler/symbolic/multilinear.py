"""The multilinear extension of a metric: its expectation when every binary is an own coin.

With ``u`` the probability that a binary is 1, the expectation of g is the only function that is g
at all configurations and linear in each ``u``. It has a closed form where g is a polynomial in the
binaries: sums stay sums, ``all`` and ``any`` become products, and ``b ** k`` is ``b``. A ratio of
counts, a sort and a comparison of a count have none, and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from lossc.compiler.discrete import PASSES
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, rewrite, topological
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.passes.seen_through import seen_through
from lossc.compiler.refactor.families import find_families
from lossc.compiler.refactor.rows import RowFamily
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.convert import Symbols

Expr = Any
_LINEAR = ("add", "sub", "neg", "sum", "mean")


@dataclass(frozen=True)
class Multilinear:
    """The expectation of a metric.

    Args:
        root: Over ``arrays``, the spec's inputs and nothing decided.
        arrays: One ``input`` node a family, named ``relaxed1``, ...: the probability of each binary
            along the family's axes, 0 where none is stored. Where a family is mirrored, the mirror
            image of a stored binary is its complement.
    """

    root: Node
    arrays: tuple[Node, ...]


def multilinear_extension(graph: Graph, families: tuple[RowFamily, ...]) -> Multilinear | None:
    """The closed form, or ``None`` where there is none.

    Args:
        graph: A metric as the spec has it.
        families: The families of its plan.
    """
    refactored = graph
    for rewriting in PASSES:
        refactored = rewriting(refactored)
    make, signs = graph.make, Signs(graph.spec, graph.params)
    root, _ = find_families(refactored.root, make, signs, graph.goal != "minimize")
    arrays = tuple(_array(make, number, row) for number, row in enumerate(families, start=1))
    reads = {}
    for row, array in zip(families, arrays, strict=True):
        reads[row.family.binary] = _read(make, array, row.axes, {})
        if row.family.twin is not None and row.family.pair is not None:
            p, q = row.family.pair
            reads[row.family.twin] = _read(make, array, row.axes, {p: q, q: p})
    over = rewrite(root, make, reads.get)
    if any(node.op == "binary" for node in topological([over])):
        return None
    closed = _Expectation(make, signs, families, arrays).of(over)
    return None if closed is None else Multilinear(closed, arrays)


def reduced_polynomial(expression: Expr, bits: list[Expr]) -> Expr | None:
    """``expression`` with ``b ** k -> b`` for each bit; ``None`` if it is no polynomial in them."""
    if not bits:
        return expression
    try:
        polynomial = sympy.Poly(expression, *bits)
    except sympy.PolynomialError:
        return None
    total = sympy.Integer(0)
    for powers, coefficient in polynomial.terms():
        if coefficient.free_symbols & set(bits):
            return None
        held = (bit for bit, power in zip(bits, powers, strict=True) if power)
        total += coefficient * sympy.Mul(*held)
    return total


def _array(make: NodeFactory, number: int, row: RowFamily) -> Node:
    dims = tuple(axis.extent for axis in row.axes)
    name = f"relaxed{number}"
    return make(
        "input", name=name, dims=dims, below=None, ignores=False, indices=(), live=True, kind="real"
    )


def _read(
    make: NodeFactory, array: Node, axes: tuple[Index, ...], swapped: dict[Index, Index]
) -> Node:
    places = (make.at_index(swapped.get(axis, axis)) for axis in axes)
    read = make("at", array, *places, kind="real")
    # a binary is a condition: the comparison of a bit with 0, which is taken back below
    return make("gt", read, make.const(0), kind="bool", decided=True)


class _Expectation:
    """Expectations of nodes; ``None`` where no rule gives one."""

    def __init__(
        self,
        make: NodeFactory,
        signs: Signs,
        families: tuple[RowFamily, ...],
        arrays: tuple[Node, ...],
    ):
        self.make, self.signs = make, signs
        self.families = dict(zip(arrays, families, strict=True))
        self.known: dict[Node, Node | None] = {}

    def of(self, node: Node) -> Node | None:
        """The expectation of a number, or the probability of a condition."""
        if node not in self.known:
            self.known[node] = self._of(node) if self.reads(node) else self._fixed(node)
        return self.known[node]

    def _fixed(self, node: Node) -> Node:
        return self.make.iverson(node) if node.kind == "bool" else node

    def reads(self, node: Node) -> list[Node]:
        """The bits that a node depends on, each place by itself, definitions opened."""
        found: dict[Node, None] = {}
        stack, seen = [node], set[Node]()
        while stack:
            inner = stack.pop()
            if inner in seen:
                continue
            seen.add(inner)
            if inner.op == "at" and inner.args[0] in self.families:
                found[inner] = None
                continue
            body = seen_through(self.make, inner)
            stack.extend([body] if body is not inner else inner.args)
        return list(found)

    def _of(self, node: Node) -> Node | None:
        node = seen_through(self.make, node)
        make, args, op = self.make, node.args, node.op
        if op == "at" and args[0] in self.families:
            return node
        if op == "gt" and args[0].op == "at" and args[0].args[0] in self.families:
            return args[0]
        if op in ("iverson", "detach"):
            return self.of(args[0])
        if op == "not":
            return self._complement(self.of(args[0]))
        if op in ("and", "or", "mul", "pow", "where"):
            return self._product(node)
        if any(self.reads(arg) for arg in args[1:]) and op not in ("add", "sub"):
            return None  # a filter, a denominator or a default that is decided
        if op in _LINEAR:
            parts = [self.of(arg) for arg in (args if op in ("add", "sub") else args[:1])]
            if any(part is None for part in parts):
                return None
            kept = [part for part in parts if part is not None] + list(args[len(parts) :])
            # an int expression is a real one now
            if node.bound:
                where = kept[1] if len(kept) > 1 else None
                return make.reduce(op, node.bound, kept[0], where, node.span)
            if op == "neg":
                return make("neg", kept[0], kind="real", span=node.span)
            return make.arithmetic(op, kept[0], kept[1], node.span)
        if op in ("div", "else"):
            first = self.of(args[0])
            return None if first is None else rebuild(make, node, (first, args[1]))
        if op in ("all", "any", "prod"):
            return self._over_distinct(node)
        return None

    def _complement(self, probability: Node | None) -> Node | None:
        if probability is None:
            return None
        return self.make.arithmetic("sub", self.make.const(1), probability, probability.span)

    def _over_distinct(self, node: Node) -> Node | None:
        """A product over items that share no bit."""
        where = node.args[1] if len(node.args) > 1 else None
        inner = self.of(node.args[0])
        if inner is None or not self._distinct(node):
            return None
        if node.op == "any":
            none = self._complement(inner)
            assert none is not None
            return self._complement(self.make.reduce("prod", node.bound, none, where, node.span))
        return self.make.reduce("prod", node.bound, inner, where, node.span)

    def _distinct(self, node: Node) -> bool:
        """Whether different values of the bound indices read different bits."""
        reads = self.reads(node.args[0])
        if len({read.args[0] for read in reads}) < len(reads):
            return False
        for read in reads:
            row = self.families[read.args[0]]
            plain = {
                place.index: axis
                for place, axis in zip(read.args[1:], row.axes, strict=True)
                if place.op == "index"
            }
            if any(index not in plain for index in node.bound):
                return False
            pair = set(row.family.mirrored or row.family.pair or ())
            if len({plain[index] for index in node.bound} & pair) > 1:
                return False  # of (i, j) and (j, i), one is the complement of the other
        return True

    def _product(self, node: Node) -> Node | None:
        """Factors that share no bit, else a polynomial in single bits."""
        make, args = self.make, node.args
        names = [{read.args[0] for read in self.reads(arg)} for arg in args]
        apart = sum(map(len, names)) == len(set[Node]().union(*names))
        if apart and node.op != "pow":
            parts = [self.of(arg) for arg in args]
            if any(part is None for part in parts):
                return None
            known = [part for part in parts if part is not None]
            if node.op in ("and", "mul"):
                return make.arithmetic("mul", known[0], known[1], node.span)
            if node.op == "or":
                neither = [self._complement(part) for part in known]
                left, right = (part for part in neither if part is not None)
                return self._complement(make.arithmetic("mul", left, right, node.span))
            condition, yes, no = known
            if not names[0]:
                return make.where(args[0], yes, no, node.span)
            other = self._complement(condition)
            assert other is not None
            first = make.arithmetic("mul", condition, yes, node.span)
            return make.arithmetic("add", first, make.arithmetic("mul", other, no, node.span))
        return self._polynomial(node)

    def _polynomial(self, node: Node) -> Node | None:
        """Arithmetic over few single bits, by sympy."""
        reads = self.reads(node)
        if len({read.args[0] for read in reads}) < len(reads):
            return None  # two places of one family may be the same comparison
        arithmetic = self._as_numbers(node)
        symbols = Symbols(self.signs)
        expression = symbols.expression(arithmetic)
        bits = [symbols.leaf(read) for read in reads]
        others = [leaf for leaf in symbols.symbols if leaf not in reads]
        if any(self.reads(leaf) for leaf in others):
            return None
        reduced = reduced_polynomial(expression, bits)
        if reduced is None:
            return None
        try:
            return symbols.node(reduced, self.make)
        except ValueError:
            return None

    def _as_numbers(self, node: Node) -> Node:
        """Conditions as arithmetic on bits that are 0 or 1."""
        make, node = self.make, seen_through(self.make, node)
        if node.op == "gt" and node.args[0].op == "at" and node.args[0].args[0] in self.families:
            return node.args[0]
        if not self.reads(node):
            return self._fixed(node)
        args = [self._as_numbers(arg) for arg in node.args]
        one = make.const(1)
        match node.op:
            case "iverson":
                return args[0]
            case "not":
                return make.arithmetic("sub", one, args[0])
            case "and":
                return make.arithmetic("mul", args[0], args[1])
            case "or":
                left, right = (make.arithmetic("sub", one, arg) for arg in args)
                return make.arithmetic("sub", one, make.arithmetic("mul", left, right))
            case "where":
                other = make.arithmetic("sub", one, args[0])
                yes = make.arithmetic("mul", args[0], args[1])
                return make.arithmetic("add", yes, make.arithmetic("mul", other, args[2]))
        return rebuild(make, node, tuple(args))
