"""Shorter arithmetic for a metric, where that keeps its value on all inputs, undefined ones too.

A quotient is never cancelled by something that may be 0: ``a / a`` is undefined where a is 0, and
``else`` must see that. What may be undefined or infinite never drops out of an expression.
"""

from __future__ import annotations

from typing import Any

import sympy

from lossc.compiler.front.properties import is_plain, may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rebuild, rewrite, topological
from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.convert import Symbols

Expr = Any

_POLYNOMIAL = frozenset({"add", "sub", "mul", "neg", "pow", "const"})
_LEAVES, _SIZE = 12, 60  # of what sympy looks at


def simplified(root: Node, make: NodeFactory, signs: Signs) -> Node:
    """``root`` with shorter sums and products.

    Rewrite: sum[i | c] k * x[i]    ->  k * sum[i | c] x[i]       k a constant that is not 0
    Rewrite: sum[i | c] k           ->  k * count[i | c]
    Rewrite: x - (1 - y), 2 x + 3 x ->  x + y - 1, 5 x            if that is shorter
    Rewrite: (k * x) / (k * y)      ->  x / y

    Args:
        root: A metric over its row counts.
        make: Where new nodes come from.
        signs: What is known of leaves.
    """
    moved = rewrite(root, make, lambda node: _constant_outside(node, make))
    tops = _tops(moved)
    shorter = {node: _shorter(node, make, signs) for node in tops}
    done: dict[Node, Node] = {}
    for node in topological([moved]):
        if node in shorter and shorter[node] is not node:
            done[node] = _with(make, shorter[node], done)
        else:
            fresh = rebuild(make, node, tuple(done[arg] for arg in node.args))
            done[node] = _same_factor(fresh, make)
    return done[moved] if cost(done[moved]) < cost(root) else root


def cost(root: Node) -> int:
    """What an expression costs: an operation on tensors is as much as ten on numbers."""
    total = 0
    for node in topological([root]):
        if node.args and node.op not in ("at", "define"):
            total += 1 if is_plain(node) else 10
            total += 10 * len(node.indices)
    return total


def _constant_outside(node: Node, make: NodeFactory) -> Node | None:
    if node.op not in ("sum", "mean"):
        return None
    body, *where = node.args
    if body.op == "mul":
        for factor, rest in (body.args, body.args[::-1]):
            if factor.op == "const" and factor.value != 0 and rest.op != "const":
                inner = make.like(node, (rest, *where))
                return make.arithmetic("mul", factor, inner, node.span)
    if node.op == "sum" and body.op == "const" and body.value not in (0, 1):
        # made anew: a count is whole, whatever kind the sum had
        count = make.reduce("sum", node.bound, make.const(1), where[0] if where else None)
        return make.arithmetic("mul", body, count, node.span)
    return None


def _tops(root: Node) -> list[Node]:
    """Polynomial arithmetic that something else than polynomial arithmetic uses."""
    used = {arg for node in topological([root]) if node.op not in _POLYNOMIAL for arg in node.args}
    return [
        node
        for node in topological([root])
        if node.op in ("add", "sub", "mul") and (node in used or node is root)
        if not is_plain(node)
    ]


def _shorter(node: Node, make: NodeFactory, signs: Signs) -> Node:
    symbols = _Polynomials(signs)
    expression = symbols.expression(node)
    if len(symbols.symbols) > _LEAVES or sympy.count_ops(expression) > _SIZE:
        return node
    best = node
    for form in (expression, sympy.expand(expression), sympy.factor_terms(expression)):
        if any(
            symbol not in form.free_symbols and not _may_drop_out(leaf)
            for leaf, symbol in symbols.symbols.items()
        ):
            continue
        try:
            candidate = symbols.node(form, make)
        except ValueError:
            continue
        if _own_cost(candidate, symbols) < _own_cost(best, symbols):
            best = candidate
    return best


def _own_cost(node: Node, symbols: Symbols) -> int:
    """Operations between a node and its leaves."""
    total, stack, seen = 0, [node], set[Node]()
    while stack:
        inner = stack.pop()
        if inner in seen or inner in symbols.symbols:
            continue
        seen.add(inner)
        total += 0 if not inner.args else 1 if is_plain(inner) else 10
        stack.extend(inner.args)
    return total


def _may_drop_out(leaf: Node) -> bool:
    """A whole number that always has a value is never infinite."""
    return leaf.kind == "int" and not may_be_undefined(leaf)


def _same_factor(node: Node, make: NodeFactory) -> Node:
    """``(k * x) / (k * y)`` without its constant."""
    if node.op != "div" or any(arg.op != "mul" for arg in node.args):
        return node
    above, below = node.args
    for k, x in (above.args, above.args[::-1]):
        for other, y in (below.args, below.args[::-1]):
            if k is other and k.op == "const" and k.value != 0:
                return make.arithmetic("div", x, y, node.span)
    return node


def _with(make: NodeFactory, node: Node, done: dict[Node, Node]) -> Node:
    """A new expression over leaves that may have become shorter themselves."""
    return rewrite(node, make, lambda inner: done.get(inner))


class _Polynomials(Symbols):
    """Sums, differences and products; everything else is a leaf."""

    def expression(self, node: Node) -> Expr:
        if node.op not in _POLYNOMIAL or (node.op == "pow" and not _whole_power(node)):
            return self.leaf(node)
        return super().expression(node)

    def node(self, expression: Expr, make: NodeFactory) -> Node:
        """As the general one, but with subtractions."""
        if expression.is_Add:
            terms = sorted(expression.as_ordered_terms(), key=_is_negative)
            result = self.node(terms[0], make)
            for term in terms[1:]:
                if _is_negative(term):
                    result = make.arithmetic("sub", result, self.node(-term, make))
                else:
                    result = make.arithmetic("add", result, self.node(term, make))
            return result
        if expression.is_Mul and _is_negative(expression):
            inner = self.node(-expression, make)
            return make("neg", inner, kind=inner.kind)
        return super().node(expression, make)


def _is_negative(term: Expr) -> bool:
    return bool(term.could_extract_minus_sign())


def _whole_power(node: Node) -> bool:
    exponent = node.args[1]
    return exponent.op == "const" and isinstance(exponent.value, int) and exponent.value > 0
