"""What is known of the sign of a node: counts are not negative, positions are positive."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.compiler.ir.node import Node
from lossc.grammar import syntax as sx

Sign = str  # "positive", "nonnegative" or "unknown"


class Signs:
    """Signs of nodes, by construction; ``unknown`` where nothing follows."""

    def __init__(self, spec: sx.Spec, params: Mapping[str, int | float | str]):
        self.ranges = {each.name.id: each.range for each in spec.params}
        self.inputs = {each.name.id: each.kind.range for each in spec.inputs}
        self.params = params
        self._known: dict[Node, Sign] = {}

    def of(self, node: Node) -> Sign:
        if node not in self._known:
            stack = [node]  # arguments first, without recursion
            while stack:
                missing = [arg for arg in stack[-1].args if arg not in self._known]
                if missing:
                    stack.extend(missing)
                else:
                    inner = stack.pop()
                    self._known[inner] = self._derive(inner)
        return self._known[node]

    def nonnegative(self, node: Node) -> bool:
        return self.of(node) != "unknown"

    def positive(self, node: Node) -> bool:
        return self.of(node) == "positive"

    def _derive(self, node: Node) -> Sign:
        match node.op:
            case "const":
                value = node.value
                if isinstance(value, str):
                    return "unknown"
                return "positive" if value > 0 else "nonnegative" if value == 0 else "unknown"
            case "param":
                return _within(self.ranges.get(node.name))
            case "index":
                low = node.index.extent.low
                return "positive" if low > 0 else "nonnegative" if low == 0 else "unknown"
            case "dim" | "iverson" | "abs" | "ones" | "sqrt" | "sigmoid" | "relu" | "softplus":
                return "nonnegative"
            case "exp" | "rank":
                return "positive"
            case "at":
                array = node.args[0]
                if array.op == "define":
                    return self.of(array)
                if array.op == "input" and array.kind == "real":
                    return _within(self.inputs.get(array.name))
                return "nonnegative" if array.kind == "bool" else "unknown"
            case "define" | "detach":
                return self.of(node.args[0])
            case "sum":
                return "nonnegative" if self.nonnegative(node.args[0]) else "unknown"
            case "mean" | "min" | "max" | "sort" | "prod":
                return self.of(node.args[0])
            case "add":
                return self._sum(*node.args)
            case "mul" | "div":
                both = {self.of(arg) for arg in node.args}
                if "unknown" in both:
                    square = node.op == "mul" and node.args[0] is node.args[1]
                    return "nonnegative" if square else "unknown"
                return "positive" if both == {"positive"} else "nonnegative"
            case "pow":
                base, exponent = node.args
                even = (
                    exponent.op == "const"
                    and isinstance(exponent.value, int)
                    and exponent.value % 2 == 0
                )
                return (
                    self.of(base)
                    if self.nonnegative(base)
                    else "nonnegative"
                    if even
                    else "unknown"
                )
            case "maximum":
                both = {self.of(arg) for arg in node.args}
                return (
                    "positive"
                    if "positive" in both
                    else "nonnegative"
                    if "nonnegative" in both
                    else "unknown"
                )
            case "minimum" | "where":
                return self._weakest(*node.args[-2:])
            case "else":
                return self._weakest(*node.args)
        return "unknown"

    def _sum(self, *args: Node) -> Sign:
        signs = {self.of(arg) for arg in args}
        if "unknown" in signs:
            return "unknown"
        return "positive" if "positive" in signs else "nonnegative"

    def _weakest(self, *args: Node) -> Sign:
        signs = {self.of(arg) for arg in args}
        return (
            "unknown"
            if "unknown" in signs
            else "nonnegative"
            if "nonnegative" in signs
            else "positive"
        )


def _within(bounds: sx.Range | None) -> Sign:
    """The sign of what lies in a declared range."""
    if bounds is None:
        return "unknown"
    if bounds.low > 0 or (bounds.low == 0 and not bounds.closed_low):
        return "positive"
    return "nonnegative" if bounds.low == 0 else "unknown"
