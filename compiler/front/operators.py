"""Building operators: arithmetic on constants is done, ``beats`` gets its tie rule."""

from __future__ import annotations

import math
from collections.abc import Callable

from lossc.compiler.front.building import Building, Env
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

_ARITHMETIC = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floordiv",
    "%": "mod",
    "^": "pow",
}
_COMPARE = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "beats": "beats"}


class Operators(Building):
    """The part of the builder that knows what operators mean."""

    def negate(self, node: Node, span: Span) -> Node:
        if node.op == "const" and not isinstance(node.value, (str, bool)):
            return self.make.const(-node.value, span)
        return self.make("neg", node, kind=node.kind, span=span)

    def arithmetic(self, expr: sx.Arithmetic, env: Env) -> Node:
        left, right = self.number(expr.left, env), self.number(expr.right, env)
        if left.op == right.op == "const":
            folded = _fold(expr.op, left.value, right.value)
            if folded is None:
                self.scope.error(
                    expr.span,
                    "bad-number",
                    "this constant cannot be computed: it overflows or is undefined",
                )
                return self.placeholder
            return self.make.const(folded, expr.span)
        return self.make.arithmetic(_ARITHMETIC[expr.op], left, right, expr.span)

    def compare(self, expr: sx.Compare, env: Env) -> Node:
        left, right = self.scalar(expr.left, env), self.scalar(expr.right, env)
        if left.kind == "str" or right.kind == "str":
            return self._compare_texts(expr, left, right)
        op = _COMPARE[expr.op]
        if left.kind == right.kind == "bool" and op in ("eq", "ne"):
            left, right = self.make.iverson(left), self.make.iverson(right)
        for part, node in ((expr.left, left), (expr.right, right)):
            if node.kind == "bool":
                self.scope.error(
                    part.span, "wrong-kind", f"a condition cannot be compared by `{expr.op}`"
                )
                return self.make.const(True)
        if op == "beats":
            return self.beats(expr, left, right)
        if left is right and not self.scope.errors:
            return self.make.const(op in ("eq", "le", "ge"), expr.span)
        decided = left.live or right.live
        return self.make(op, left, right, kind="bool", span=expr.span, decided=decided)

    def _compare_texts(self, expr: sx.Compare, left: Node, right: Node) -> Node:
        if left.kind != "str" or right.kind != "str" or expr.op not in ("==", "!="):
            self.scope.error(
                expr.span, "wrong-kind", "a text is compared by == or != with another text only"
            )
            return self.make.const(True)
        return self.make.const((left.value == right.value) == (expr.op == "=="), expr.span)

    def beats(self, expr: sx.Compare, left: Node, right: Node) -> Node:
        """``x beats y`` with its tie rule spelled out: both must be items of the same array."""
        same_array = left.op == right.op == "at" and left.args[0] is right.args[0]
        if not same_array or not left.live:
            if left is not self.placeholder and right is not self.placeholder:
                self.scope.error(
                    expr.span,
                    "wrong-kind",
                    "`beats` compares two items of one live array",
                    expected="for example score[j] beats score[i]",
                )
            return self.make.const(True)
        return beats(self.make, left, right, left.args[1:], right.args[1:], expr.span)


def beats(
    make: NodeFactory,
    left: Node,
    right: Node,
    left_place: tuple[Node, ...],
    right_place: tuple[Node, ...],
    span: Span | None,
) -> Node:
    """``left beats right``: larger, or equal and earlier in row-major order of the places."""
    pairs = [(a, b) for a, b in zip(left_place, right_place, strict=True) if a is not b]
    if not pairs:
        return make.const(False)
    earlier, same = make.const(False), make.const(True)
    for a, b in pairs:
        less = make("lt", a, b, kind="bool", span=span)
        earlier = make.or_(earlier, make.and_(same, less))
        same = make.and_(same, make("eq", a, b, kind="bool", span=span))
    return make("beats", left, right, earlier, same, kind="bool", span=span, decided=True)


def _fold(op: str, left: object, right: object) -> int | float | None:
    """A constant operation, exact while it stays a small whole number."""
    assert isinstance(left, (int, float)) and isinstance(right, (int, float))
    try:
        a, b = float(left), float(right)
        results: dict[str, Callable[[], float | complex]] = {
            "+": lambda: a + b,
            "-": lambda: a - b,
            "*": lambda: a * b,
            "/": lambda: a / b,
            "//": lambda: float(a // b),
            "%": lambda: a % b,
            "^": lambda: a**b,
        }
        result = results[op]()
    except (OverflowError, ZeroDivisionError):
        return None
    if isinstance(result, complex) or not math.isfinite(result):
        return None
    whole = isinstance(left, int) and isinstance(right, int) and op != "/"
    return int(result) if whole and result == int(result) and abs(result) < 2**53 else result
