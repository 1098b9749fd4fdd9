"""An element of a loss (what a reduction adds up) as a sympy expression over its leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import has_gradient
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.atoms import Signs

Expr = Any

ELEMENTARY: dict[str, Callable[..., Expr]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "exp": sympy.exp,
    "log": sympy.log,
    "log2": lambda a: sympy.log(a) / sympy.log(2),
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "abs": fn.absolute,
    "sigmoid": fn.sigmoid,
    "logsigmoid": fn.logsigmoid,
    "softplus": fn.softplus,
    "relu": fn.relu,
    "times_log": fn.times_log,
}


@dataclass(frozen=True)
class Leaf:
    """What an element is computed from.

    Args:
        node: Its node.
        symbol: What stands for it in the expression.
        live: Whether the loss is differentiated by it.
        bit: Whether it is a condition.
        number: Whether it is a Python number at run time.
    """

    node: Node
    symbol: Expr
    live: bool
    bit: bool
    number: bool


@dataclass(frozen=True)
class Element:
    """An elementwise expression; equal nodes have equal symbols.

    Args:
        node: What it was made from.
        expression: Over the symbols of ``leaves``.
        leaves: In the order in which they occur.
    """

    node: Node
    expression: Expr
    leaves: tuple[Leaf, ...]

    @property
    def live(self) -> tuple[Leaf, ...]:
        """What it is differentiated by."""
        return tuple(leaf for leaf in self.leaves if leaf.live)

    @property
    def cost(self) -> int:
        """How many transcendental functions of a live leaf are evaluated."""
        return len(costly(self.expression, {leaf.symbol for leaf in self.live}))


_COSTLY = (
    *(fn.sigmoid, fn.logsigmoid, fn.softplus, fn.times_log),
    *(sympy.exp, sympy.log, sympy.tanh, sympy.sin, sympy.cos),
)


def costly(expression: Expr, live: set[Expr]) -> set[Expr]:
    """The transcendental functions of live symbols that are evaluated, shared ones once."""
    return {
        part
        for part in sympy.preorder_traversal(expression)
        if (isinstance(part, _COSTLY) or (part.is_Pow and not part.exp.is_Integer))
        and part.free_symbols & live
    }


class Elements:
    """Makes elements; one symbol for each leaf, however many elements it occurs in."""

    def __init__(self, make: NodeFactory, signs: Signs):
        self.make, self.signs = make, signs
        self.leaves: dict[Node, Leaf] = {}

    def element(self, node: Node) -> Element:
        """The elementwise part at the top of ``node``; whatever is not elementwise is a leaf."""
        expression = self._turned(fn.stable(self.expression(node)))
        free = expression.free_symbols
        used = [leaf for leaf in self.leaves.values() if leaf.symbol in free]
        return Element(node, expression, tuple(used))

    def _turned(self, expression: Expr) -> Expr:
        """``chosen(c, f(x), g(-x))`` over one ``chosen(c, x, -x)``, where that saves a function.

        Binary losses are sums of what happens to ``x`` and to ``-x``, and share most of it.
        """
        if not isinstance(expression, fn.chosen):
            return expression
        live = {leaf.symbol for leaf in self.leaves.values() if leaf.live}
        scores = sorted(expression.free_symbols & live, key=str)
        if len(scores) != 1:
            return expression
        (score,) = scores
        bit, yes, no = expression.args
        other = fn.stable(no.xreplace({score: -score}))
        if len(costly(yes, live) | costly(other, live)) >= len(costly(expression, live)):
            return expression
        turned = {score: fn.chosen(bit, score, -score)}
        return fn.chosen(bit, yes.xreplace(turned), other.xreplace(turned))

    def expression(self, node: Node) -> Expr:
        """The sympy expression, as it stands."""
        node = opened(self.make, node)
        args = node.args
        if node.op == "const" and not isinstance(node.value, str):
            return _constant(node.value)
        if node.op in ELEMENTARY:
            return ELEMENTARY[node.op](*map(self.expression, args))
        match node.op:
            case "iverson":
                return self.bit(args[0])
            case "where":
                return fn.chosen(self.bit(args[0]), *map(self.expression, args[1:]))
            case "pow" if not args[1].live:
                return self.expression(args[0]) ** self.expression(args[1])
            case "div" if args[1].op in ("const", "dim") or self.signs.positive(args[1]):
                return self.expression(args[0]) / self.expression(args[1])
            case "maximum" | "minimum" if not (args[0].live and args[1].live):
                kind = fn.maximum if node.op == "maximum" else fn.minimum
                ordered = sorted(args, key=lambda arg: not arg.live)
                return kind(*map(self.expression, ordered))
        return self.leaf(node)

    def bit(self, condition: Node) -> Expr:
        """The symbol of a condition, 0 or 1."""
        if condition.op == "not":
            return 1 - self.bit(condition.args[0])
        return self.leaf(condition)

    def leaf(self, node: Node) -> Expr:
        """The symbol of a node that is not taken apart."""
        if node not in self.leaves:
            bit = node.kind == "bool"
            if bit:
                known = {"integer": True, "nonnegative": True}
            else:
                sign = self.signs.of(node)
                known = {"positive": {"positive": True}, "nonnegative": {"nonnegative": True}}.get(
                    sign, {"real": True}
                )
            live = node.live and not bit and has_gradient(node)
            number = node.op in ("param", "dim")
            symbol = sympy.Symbol(f"x{len(self.leaves)}", **known)
            self.leaves[node] = Leaf(node, symbol, live, bit, number)
        return self.leaves[node].symbol


def opened(make: NodeFactory, node: Node) -> Node:
    """The body of a definition that is read: a live elementwise one, a condition, a constant.

    Other definitions keep their names: they are computed once, outside of the element.
    """
    while node.op == "at" and node.args[0].op == "define":
        define = node.args[0]
        body = define.args[0]
        named = body.op == "at" and body.args[0].op == "define"
        if not (named or body.op in ("const", "iverson") or _is_elementary(body)):
            break
        node = substitute(body, make, dict(zip(define.bound, node.args[1:], strict=True)))
    return node


def _is_elementary(node: Node) -> bool:
    if not has_gradient(node):
        return False
    return node.op in ELEMENTARY or node.op in ("pow", "div", "where", "maximum", "minimum")


def _constant(value: float | bool) -> Expr:
    if isinstance(value, float):
        return sympy.nsimplify(value, rational=True)
    return sympy.Integer(int(value))
