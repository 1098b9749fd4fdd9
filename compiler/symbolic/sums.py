"""A loss as sums of elements: what stands under each sum, as sympy expressions over leaves.

Two specs are compared by these: indices get names by what they range over, definitions are opened,
and leaves that read the same are the same symbol, whichever spec they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from lossc.compiler.ir.graph import Graph, substitute
from lossc.compiler.ir.node import Extent, Index, Node, conjuncts
from lossc.compiler.passes.seen_through import seen_through
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.element import Elements

Expr = Any


@dataclass(frozen=True)
class Term:
    """``sum[indices | filters] summand``; without indices, the summand itself.

    Args:
        indices: In canonical naming.
        filters: Conditions as text.
        summand: Over the symbols of a :class:`Leaves`.
    """

    indices: tuple[Index, ...]
    filters: frozenset[str]
    summand: Expr


class Leaves:
    """Symbols by what leaves say, shared by the specs that are compared.

    Attributes:
        nodes: The leaf of each symbol.
        behind: What a detached symbol stands for.
        live: Symbols that the loss is differentiated by.
        cases: Equalities of an index with something else, by the symbol of the condition.
    """

    def __init__(self) -> None:
        self.by_text: dict[str, Expr] = {}
        self.nodes: dict[Expr, Node] = {}
        self.behind: dict[Expr, Expr] = {}
        self.live: set[Expr] = set()
        self.cases: dict[Expr, tuple[Index, Node]] = {}

    def symbol(self, text: str, node: Node, known: Mapping[str, bool], live: bool) -> Expr:
        if text not in self.by_text:
            symbol = sympy.Symbol(text, **known)
            self.by_text[text] = symbol
            self.nodes[symbol] = node
            if live:
                self.live.add(symbol)
        return self.by_text[text]

    def is_bit(self, symbol: Expr) -> bool:
        """Whether a symbol stands for a condition."""
        return symbol in self.nodes and self.nodes[symbol].kind == "bool"


class Sums(Elements):
    """Takes one spec apart.

    Args:
        graph: The spec's graph.
        leaves: Shared with the other spec.
        params: Exact values of params; the others stay symbols.
        names: Other names for inputs and dims.
    """

    def __init__(
        self, graph: Graph, leaves: Leaves, params: Mapping[str, Expr], names: Mapping[str, str]
    ):
        super().__init__(graph.make, Signs(graph.spec, graph.params))
        self.shared, self.params, self.names = leaves, params, names
        self.own: dict[Expr, Node] = {}  # the same leaf has other indices in another spec

    # ------------------------------------------------------------------ sums

    def terms(self, node: Node, depth: int = 0) -> list[Term]:
        """``node`` as a sum of terms; what is not linear in a sum keeps the sum as a leaf."""
        node = seen_through(self.make, node)
        args = node.args
        match node.op:
            case "else":
                return self.terms(args[0], depth)
            case "add":
                return self.terms(args[0], depth) + self.terms(args[1], depth)
            case "sub":
                return self.terms(args[0], depth) + _times(self.terms(args[1], depth), -1)
            case "neg":
                return _times(self.terms(args[0], depth), -1)
            case "mul":
                left, right = (self.terms(arg, depth) for arg in args)
                if _is_plain(left):
                    return _times(right, _total(left))
                if _is_plain(right):
                    return _times(left, _total(right))
            case "div":
                below = self.terms(args[1], depth)
                if _is_plain(below):
                    return _times(self.terms(args[0], depth), 1 / _total(below))
            case "sum" | "mean":
                return self._sum(node, depth)
        return [Term((), frozenset(), self.expression(node))]

    def _sum(self, node: Node, depth: int) -> list[Term]:
        fresh = {
            index: self.make.index(f"{self._size(index.extent)}_{depth + place}", index.extent)
            for place, index in enumerate(node.bound)
        }
        places = {index: self.make.at_index(other) for index, other in fresh.items()}
        body, *where = (substitute(arg, self.make, places) for arg in node.args)
        filters = frozenset(self.text(part) for condition in where for part in conjuncts(condition))
        inner = self.terms(body, depth + len(fresh))
        count: Expr = sympy.Integer(1)
        if node.op == "mean" and where:
            count = self.leaf(self.make.reduce("sum", node.bound, self.make.const(1), node.args[1]))
        elif node.op == "mean":
            for index in node.bound:
                count *= self._count(index.extent)
        found = []
        for term in _times(inner, 1 / count):
            indices = (*fresh.values(), *term.indices)
            found += self._cases(Term(indices, filters | term.filters, term.summand))
        return found

    def _cases(self, term: Term) -> list[Term]:
        """A sum over c with [c == e] in it: what it is at e, and the sum over the others."""
        for symbol in sorted(term.summand.free_symbols & set(self.shared.cases), key=str):
            index, place = self.shared.cases[symbol]
            if index in term.indices and not term.filters:
                rest = tuple(other for other in term.indices if other is not index)
                if any(free not in rest for free in place.indices):
                    continue
                at_place = term.summand.xreplace({symbol: sympy.Integer(1)})
                others = term.summand.xreplace({symbol: sympy.Integer(0)})
                moved = Term(rest, frozenset(), self.moved(at_place, index, place))
                kept = Term(term.indices, frozenset({f"not {symbol}"}), others)
                return [*self._cases(moved), kept]
        return [term]

    def moved(self, expression: Expr, index: Index, place: Node) -> Expr:
        """``expression`` with ``place`` for ``index`` in every leaf."""
        turned = {}
        for symbol in expression.free_symbols:
            node = self.own.get(symbol)
            if node is not None and index in node.indices:
                turned[symbol] = self.expression(substitute(node, self.make, {index: place}))
        return expression.xreplace(turned)

    # ------------------------------------------------------------------ leaves

    def expression(self, node: Node) -> Expr:
        node = seen_through(self.make, node)
        if node.op == "detach":
            inner = self.expression(node.args[0])
            symbol = self.leaf(node)
            self.shared.behind[symbol] = inner
            return symbol
        if node.op == "param" and node.name in self.params:
            return self.params[node.name]
        if node.op == "dim":
            return self._count(Extent(node.name))
        return super().expression(node)

    def leaf(self, node: Node) -> Expr:
        node = seen_through(self.make, node)
        made = super().leaf(node)
        leaf = self.leaves[node]
        known = {k: v for k, v in made.assumptions0.items() if k in _KEPT and v}
        symbol = self.shared.symbol(self.text(node), node, known, leaf.live)
        self.own[symbol] = node
        if node.op == "eq":
            for here, place in (node.args, node.args[::-1]):
                if here.op == "index" and here.index not in place.indices:
                    self.shared.cases[symbol] = (here.index, place)
        return symbol

    def _count(self, extent: Extent) -> Expr:
        if isinstance(extent.size, int):
            return sympy.Integer(extent.size + extent.extra)
        return sympy.Symbol(self._size(extent), positive=True, integer=True) + extent.extra

    def _size(self, extent: Extent) -> str:
        size = extent.size
        return self.names.get(size, size) if isinstance(size, str) else str(size)

    def text(self, node: Node, bound: Mapping[Index, str] | None = None) -> str:
        """What a node says, whatever its spec calls its indices."""
        bound = dict(bound or {})
        node = seen_through(self.make, node)
        if node.op == "index":
            return bound.get(node.index, node.index.name)
        if node.op == "const":
            return repr(node.value)
        if node.op in ("input", "param", "dim"):
            return self.names.get(node.name, node.name)
        for index in node.bound:
            bound[index] = f"{self._size(index.extent)}'{len(bound)}"
        parts = [self.text(arg, bound) for arg in node.args]
        if node.op in ("add", "mul", "eq", "and", "or", "maximum", "minimum"):
            parts.sort()
        if node.op == "at":
            return f"{parts[0]}[{', '.join(parts[1:])}]"
        letters = f"[{', '.join(bound[index] for index in node.bound)}]" if node.bound else ""
        return f"{node.op}{letters}({', '.join(parts)})"


_KEPT = ("positive", "nonnegative", "real", "integer")


def _times(terms: list[Term], factor: Expr) -> list[Term]:
    return [Term(term.indices, term.filters, term.summand * factor) for term in terms]


def _is_plain(terms: list[Term]) -> bool:
    return not any(term.indices for term in terms)


def _total(terms: list[Term]) -> Expr:
    return fn.stable(sympy.Add(*(term.summand for term in terms)))
