"""Arithmetic nodes to sympy and back; whatever is not arithmetic becomes a symbol."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs

_MAKE: dict[str, Callable[..., sympy.Expr]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "log2": lambda a: sympy.log(a) / sympy.log(2),
}


class Symbols:
    """One symbol for each leaf, with what is known of its sign."""

    def __init__(self, signs: Signs):
        self.signs = signs
        self.symbols: dict[Node, sympy.Symbol] = {}
        self._expressions: dict[Node, sympy.Expr] = {}

    def leaf(self, node: Node) -> sympy.Symbol:
        if node not in self.symbols:
            sign = self.signs.of(node)
            known = {"positive": {"positive": True}, "nonnegative": {"nonnegative": True}}.get(
                sign, {"real": True}
            )
            self.symbols[node] = sympy.Symbol(f"x{len(self.symbols)}", **known)
        return self.symbols[node]

    def expression(self, node: Node) -> sympy.Expr:
        """The sympy expression of the arithmetic at the top of ``node``."""
        if node not in self._expressions:
            self._expressions[node] = self._converted(node)
        return self._expressions[node]

    def _converted(self, node: Node) -> sympy.Expr:
        if node.op == "const" and not isinstance(node.value, (str, bool)):
            return (
                sympy.nsimplify(node.value)
                if isinstance(node.value, float)
                else sympy.Integer(node.value)
            )
        if node.op in _MAKE:
            return _MAKE[node.op](*(self.expression(arg) for arg in node.args))
        return self.leaf(node)

    def node(self, expression: sympy.Expr, make: NodeFactory) -> Node:
        """A polynomial in the symbols as nodes again.

        Raises:
            ValueError: The expression holds a function that arithmetic nodes do not have.
        """
        leaves = {symbol: node for node, symbol in self.symbols.items()}
        if expression in leaves:
            return leaves[expression]
        if expression.is_Integer:
            return make.const(int(expression))
        if expression.is_Rational or expression.is_Float:
            return make.const(float(expression))
        if expression.is_Add or expression.is_Mul:
            op = "add" if expression.is_Add else "mul"
            parts = (
                [self.node(part, make) for part in expression.as_ordered_terms()]
                if expression.is_Add
                else [self.node(part, make) for part in expression.as_ordered_factors()]
            )
            result = parts[0]
            for part in parts[1:]:
                result = make.arithmetic(op, result, part)
            return result
        if expression.is_Pow:
            base, exponent = expression.as_base_exp()
            if exponent == -1:
                return make.arithmetic("div", make.const(1), self.node(base, make))
            return make.arithmetic("pow", self.node(base, make), self.node(exponent, make))
        raise ValueError(f"no node for {expression}")


ARITHMETIC = frozenset(_MAKE)


def written_size(root: Node, most: int) -> int:
    """How many operations the arithmetic at the top of ``root`` has written out, ``most`` at most.

    Shared parts count as often as they occur, as they do in a polynomial.
    """
    sizes: dict[Node, int] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        below = node.args if node.op in ARITHMETIC else ()
        missing = [arg for arg in below if arg not in sizes]
        if missing:
            stack.extend(missing)
            continue
        sizes[node] = min(1 + sum(sizes[arg] for arg in below), most)
        stack.pop()
    return sizes[root]
