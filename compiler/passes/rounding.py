"""Rounding of live values: the number of thresholds that they pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

from lossc.compiler.front.intervals import Intervals
from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.front.ranges import LONGEST_RANGE
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Extent, Node
from lossc.compiler.passes.comparisons import is_smooth
from lossc.grammar.errors import Diagnostic, SpecError

_WHOLE: dict[str, Callable[[float], int]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}
_WRITTEN = {"floordiv": "//", "mod": "%"}


def rounding(graph: Graph) -> Graph:
    """Rounding as a count of thresholds, for values that are bounded when a spec is compiled.

    Rewrite: floor(x)  ->  lo + count[t in lo + 1..hi | x >= t]      for lo <= floor(x) <= hi
    Rewrite: ceil(x)   ->  lo + count[t in lo..hi - 1 | x > t]
    Rewrite: round(x)  ->  lo + count[t in lo + 1..hi | x > t - 1/2, or equal and t is even]
    Rewrite: x // c    ->  floor(x / c)
    Rewrite: x % c     ->  x - c * floor(x / c)

    One comparison a value and threshold. What is left of x in ``x % c`` keeps its gradient.
    """
    make = graph.make
    intervals = Intervals(graph.spec)

    def rule(node: Node) -> Node | None:
        if node.op in ("floor", "ceil", "round"):
            (value,) = node.args
            return _passed(make, intervals, node, node.op, value) if is_smooth(value) else None
        if node.op not in _WRITTEN or not any(map(is_smooth, node.args)):
            return None
        value, unit = node.args
        quotient = make.arithmetic("div", value, unit, node.span)
        whole = _passed(make, intervals, node, "floor", quotient)
        if node.op == "floordiv":
            return whole
        taken = make.arithmetic("mul", unit, whole, node.span)
        return make.arithmetic("sub", value, taken, node.span)

    return graph.with_root(rewrite(graph.root, make, rule))


def _passed(make: NodeFactory, intervals: Intervals, node: Node, op: str, value: Node) -> Node:
    bounds = intervals.of(value)
    if not bounds.is_bounded:
        _refuse(node, "nothing bounds the value that is rounded")
    low, high = (_WHOLE[op](end) for end in bounds)
    if high - low > LONGEST_RANGE:
        _refuse(node, f"rounding passes at most {LONGEST_RANGE:,} thresholds, not {high - low:,}")
    start = make.const(low, node.span)
    if high == low:
        return start
    # the thresholds that lead from each whole number to the next, by the number they lead to
    extent = Extent(high - low, low if op == "ceil" else low + 1)
    index = make.fresh(make.index("t", extent), {i.name for i in value.indices})
    step = make.at_index(index, node.span)
    if op == "round":  # a half goes to the even neighbour
        half = make.arithmetic("sub", step, make.const(0.5), node.span)
        rest = make("mod", step, make.const(2), kind="int", span=node.span)
        even = make("eq", rest, make.const(0), kind="bool", span=node.span)
        never = make.const(False)
        above = make("beats", value, half, even, never, kind="bool", span=node.span, decided=True)
    else:
        side = "ge" if op == "floor" else "gt"
        above = make(side, value, step, kind="bool", span=node.span, decided=True)
    count = make.reduce("sum", (index,), make.iverson(above), None, node.span)
    total = make.arithmetic("add", start, count, node.span)
    if may_be_undefined(value):  # and what is made of an undefined value is undefined too
        there = make("detach", value, kind=value.kind, span=value.span)
        nothing = make("sub", there, there, kind=value.kind, span=value.span)
        # first, so that the count is added to 0 and stays exact
        total = make("add", nothing, total, kind="real", span=node.span)
    return total


def _refuse(node: Node, message: str) -> NoReturn:
    name = f"`{_WRITTEN[node.op]}`" if node.op in _WRITTEN else f"{node.op}()"
    raise SpecError(
        Diagnostic(
            node.span,
            "not-supported",
            f"{name} of a live value: {message}",
            expected="a value whose ends are known: constants, params and inputs with a range, "
            "sigmoid(x), min(max(x, 0), 10)",
            hint=_clamped(node),
        )
    )


def _clamped(node: Node) -> str | None:
    """The expression with a clamp, as it would be written."""
    if node.op in _WRITTEN:
        value, unit = node.args
        if value.span is None or unit.span is None:
            return None
        text, divisor = (" ".join(part.span.text.split()) for part in (value, unit) if part.span)
        return f"clamp it: min(max({text}, 0), 10) {_WRITTEN[node.op]} {divisor}"
    (value,) = node.args
    if value.span is None:
        return None
    return f"clamp it: {node.op}(min(max({' '.join(value.span.text.split())}, 0), 10))"
