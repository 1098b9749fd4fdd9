"""Numbers that are known when a spec is compiled, and how large the others may become."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lossc.compiler.front.properties import remembered
from lossc.compiler.ir.node import Node

Number = int | float
LARGEST_EXPONENT = 64
LARGEST_BITS = 63  # of a whole number at run time: beyond it, it is none of torch
_DIM_BITS = 16

_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "maximum": max,
    "minimum": min,
    "relu": lambda a: max(a, 0),
}
_OPERATORS: dict[str, Callable[[float, float], float | complex]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "floordiv": lambda a, b: float(a // b),
    "mod": lambda a, b: a % b,
    "pow": lambda a, b: a**b,
}


def fold(op: str, *args: Number) -> Number | None:
    """A constant operation, exact while it stays a small whole number; ``None``: it has no value.

    Raises:
        KeyError: The operation has no rule.
    """
    whole = op != "div" and all(isinstance(arg, int) for arg in args)
    try:
        if op in _OPERATORS:
            result: object = _OPERATORS[op](*map(float, args))
        else:
            result = _FUNCTIONS[op](*args)
            whole = isinstance(result, int)
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    if not isinstance(result, (int, float)) or not math.isfinite(result):
        return None
    return int(result) if whole and result == int(result) and abs(result) < 2**53 else result


class Constants:
    """What is known of numbers.

    Args:
        params: The values in force; a param may have another at run time.
    """

    def __init__(self, params: Mapping[str, int | float | str]):
        self.params = params
        self._known: dict[Node, Number | None] = {}

    def value(self, node: Node) -> Number | None:
        """The number that a node is, through params and definitions without an index."""
        if node not in self._known:
            self._known[node] = self._derive(node)
        return self._known[node]

    def _derive(self, node: Node) -> Number | None:
        if node.kind not in ("int", "real") or not is_fixed(node):
            return None
        if node.op == "const":
            return node.number
        if node.op == "param":
            value = self.params[node.name]
            return None if isinstance(value, str) else value
        args = [self.value(arg) for arg in node.args]
        known = [arg for arg in args if arg is not None]
        if node.op in ("at", "define") and len(node.args) == 1:
            return args[0]
        if len(known) < len(args) or (node.op not in _FUNCTIONS and node.op not in _OPERATORS):
            return None
        return fold(node.op, *known)

    def fails(self, node: Node) -> bool:
        """Whether an operation on constants has no value, whatever the params are set to."""
        if node.op not in _FUNCTIONS and node.op not in _OPERATORS:
            return False
        if any(self.value(arg) is None for arg in node.args) or self.value(node) is not None:
            return False
        return node.op in ("pow", "exp", "mul", "add", "sub") or not has_param(node)


@remembered
def is_fixed(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a value is made of constants and params alone."""
    return node.op in ("const", "param") or (bool(node.args) and all(map(of, node.args)))


@remembered
def has_param(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a param takes part in a value."""
    return node.op == "param" or any(map(of, node.args))


@remembered
def bits(node: Node, of: Callable[[Node], float]) -> float:
    """At most how many binary digits a whole number of consts, params and dims has, roughly."""
    if node.kind != "int":
        return 0
    match node.op:
        case "const":
            return int(node.number).bit_length()
        case "param" | "dim":
            return _DIM_BITS
        case "add" | "sub":
            less, more = sorted(map(of, node.args))
            return more + math.log2(1 + 2 ** (less - more))
        case "mul":
            return min(sum(map(of, node.args)), 2**40)
        case "pow" if node.args[1].op == "const":
            return min(of(node.args[0]) * int(node.args[1].number), 2**40)
    return max(map(of, node.args), default=0)
