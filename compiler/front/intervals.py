"""Between which numbers the values of a node lie, as far as the spec says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from lossc.compiler.ir.node import Node
from lossc.grammar import syntax as sx

_SLACK = 1e-6  # of arithmetic in float32, relative to what is rounded
_LARGEST_WHOLE = 2**24  # up to which whole numbers are exact in float32


class Interval(NamedTuple):
    """The numbers from ``low`` to ``high``, both included; an end may be infinite."""

    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


EVERYTHING = Interval(-math.inf, math.inf)
_UNIT = Interval(0, 1)
_MONOTONE: dict[str, Callable[[float], float]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "relu": lambda x: max(x, 0.0),
}
_KNOWN = {
    "sigmoid": _UNIT,
    "iverson": _UNIT,
    "tanh": Interval(-1, 1),
    "sin": Interval(-1, 1),
    "cos": Interval(-1, 1),
    "sign": Interval(-1, 1),
    "exp": Interval(0, math.inf),
    "softplus": Interval(0, math.inf),
    "logsigmoid": Interval(-math.inf, 0),
}
_SAME = frozenset({"define", "detach", "mean", "min", "max", "sort"})


class Intervals:
    """Interval arithmetic over nodes, widened where float arithmetic may round outwards.

    Args:
        spec: Declares the ranges of params and of inputs. A param counts with its range and not
            with its value, since another one may be given at run time.
    """

    def __init__(self, spec: sx.Spec):
        self._params = {p.name.id: p.range for p in spec.params}
        self._inputs = {e.name.id: e.kind.range for e in spec.inputs}
        self._known: dict[Node, Interval] = {}

    def of(self, node: Node) -> Interval:
        """Where the values of ``node`` lie."""
        stack = [node]  # arguments first, without recursion
        while stack:
            missing = [arg for arg in stack[-1].args if arg not in self._known]
            if missing:
                stack.extend(missing)
                continue
            inner = stack.pop()
            if inner not in self._known:
                found = self._derive(inner)
                self._known[inner] = found if found.low <= found.high else EVERYTHING
        return self._known[node]

    def _derive(self, node: Node) -> Interval:
        args = [self._known[arg] for arg in node.args]
        match node.op:
            case "const" if node.kind in ("int", "real"):
                return Interval(node.number, node.number)
            case "param":
                return _declared(self._params.get(node.name))
            case "index":
                extent = node.index.extent
                size = extent.size if isinstance(extent.size, int) else math.inf
                return Interval(extent.low, extent.low + size + extent.extra - 1)
            case "dim":
                return Interval(0, math.inf)
            case "input":
                return self._input(node)
            case "at":
                return args[0]
            case op if op in _KNOWN:
                return _KNOWN[op]
            case op if op in _SAME:
                return args[0]
            case op if op in _MONOTONE:
                return _through(_MONOTONE[op], args[0])
            case "sqrt":
                return _through(math.sqrt, Interval(max(args[0].low, 0.0), max(args[0].high, 0.0)))
            case "abs":
                return _magnitude(args[0])
            case "neg":
                return Interval(-args[0].high, -args[0].low)
            case "maximum":
                return Interval(*map(max, zip(*args, strict=True)))
            case "minimum":
                return Interval(*map(min, zip(*args, strict=True)))
            case "where":
                return _hull(args[1], args[2])
            case "else":
                return _hull(*args)
            case "add":
                left, right = args
                return _sum(left, right)
            case "sub":
                left, right = args
                return _sum(left, Interval(-right.high, -right.low))
            case "mul":
                left, right = args
                return _product(left, right, [_times(a, b) for a in left for b in right])
            case "div":
                return _quotient(*args)
        return EVERYTHING

    def _input(self, node: Node) -> Interval:
        if node.kind == "bool":
            return _UNIT
        if node.kind == "int":
            below = node.below
            if below is None or node.ignores or not isinstance(below.size, int):
                return EVERYTHING
            return Interval(0, below.size - 1)
        return _declared(self._inputs.get(node.name))


def _declared(bounds: sx.Range | None) -> Interval:
    return EVERYTHING if bounds is None else Interval(bounds.low, bounds.high)


def _through(function: Callable[[float], float], one: Interval) -> Interval:
    low, high = (function(end) if math.isfinite(end) else end for end in one)
    return Interval(low, high)


def _magnitude(one: Interval) -> Interval:
    ends = abs(one.low), abs(one.high)
    return Interval(0.0 if one.low <= 0 <= one.high else min(ends), max(ends))


def _hull(*parts: Interval) -> Interval:
    return Interval(min(part.low for part in parts), max(part.high for part in parts))


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _quotient(left: Interval, right: Interval) -> Interval:
    if right.low <= 0 <= right.high:
        return EVERYTHING
    ends = [a / b for a in left for b in right if math.isfinite(a) or math.isfinite(b)]
    if len(ends) < 4:
        return EVERYTHING
    return _product(left, right, ends)


def _sum(left: Interval, right: Interval) -> Interval:
    low, high = left.low + right.low, left.high + right.high
    if all(map(_is_whole, (*left, *right))):
        return Interval(low, high)
    # terms may cancel, so that the error is relative to them
    return Interval(
        low - _SLACK * max(abs(left.low), abs(right.low)) if math.isfinite(low) else low,
        high + _SLACK * max(abs(left.high), abs(right.high)) if math.isfinite(high) else high,
    )


def _product(left: Interval, right: Interval, ends: list[float]) -> Interval:
    """The range of the ``ends`` of a product or a quotient; an end of 0 is exact."""
    if any(math.isnan(end) for end in ends):
        return EVERYTHING
    low, high = min(ends), max(ends)
    if all(map(_is_whole, (*left, *right, low, high))):
        return Interval(low, high)
    slack = (_SLACK * abs(end) if math.isfinite(end) else 0.0 for end in (low, high))
    return Interval(low - next(slack), high + next(slack))


def _is_whole(number: float) -> bool:
    return number == number // 1 and abs(number) <= _LARGEST_WHOLE
