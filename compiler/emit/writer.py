"""Writes torch code for nodes: one method a kind of node, broadcasting over named axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lossc.compiler.emit.access import Access
from lossc.compiler.emit.elementwise import Elementwise
from lossc.compiler.emit.integrals import Integrals
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.orders import Orders
from lossc.compiler.emit.part import LONG
from lossc.compiler.emit.reductions import Reductions
from lossc.compiler.emit.value import Value
from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.compiler.ir.text import text
from lossc.compiler.symbolic.atoms import Signs

_SUGGESTED = {
    "sum": "total", "mean": "average", "div": "ratio", "sort": "ordered", "pow": "powered",
    "sqrt": "root", "max": "most", "min": "least", "any": "some", "all": "every",
    "and": "both", "or": "either", "where": "chosen", "argmax": "position",
}  # fmt: skip


class Writer(Access, Reductions, Orders, Integrals, Elementwise):
    """Code for one function body.

    Args:
        names: Python names of inputs and definitions.
        params: Python code of each param, e.g. ``self.alpha``.
        dtype: Code of the dtype that counts are turned into.
        signs: What is known of signs, so that only divisions that can fail are guarded.
        anchor: Python name of the input whose dtype and device the rest follows.
        special: Values of nodes that this function receives ready-made.
        taken: Names that the function uses already.
        by_groups: Whether sums within groups are taken by sorting, and not by comparing all items.
        called: How the losses of other specs are called, by term.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        params: Mapping[str, str],
        dtype: str,
        signs: Signs,
        anchor: str,
        special: Callable[[Node], Value | None] | None = None,
        taken: set[str] | None = None,
        by_groups: bool = False,
        called: Mapping[str, str] | None = None,
    ):
        self.names, self.params = names, params
        self.dtype, self.signs, self.anchor = dtype, signs, anchor
        self.by_groups, self.widened = by_groups, False
        self.group_numbers: dict[str, str] = {}
        self.called = called or {}
        self.marginals = {}
        self.special = special or (lambda node: None)
        self.lines: list[str] = []
        self.taken = {*names.values(), *(taken or set())}
        self.values: dict[Node, Value] = {}
        self.uses: dict[Node, int] = {}
        self.ranges: dict[Index, str] = {}

    def write(self, *roots: Node) -> list[Value]:
        """Code for ``roots``; statements that they need are appended to ``lines``."""
        for node in topological(list(roots)):
            for arg in node.args:
                self.uses[arg] = self.uses.get(arg, 0) + 1
        for root in roots:
            self.uses[root] = self.uses.get(root, 0) + 1
        for node in topological(list(roots)):
            if node.op == "define":  # in order, so that a long chain of them is no deep recursion
                self.value(node)
        return [self.value(root) for root in roots]

    def value(self, node: Node) -> Value:
        found = self.values.get(node)
        if found is not None:
            return found
        ready = self.special(node)
        value = ready if ready is not None else self._code(node)
        if ready is None and self._deserves_a_name(node, value):
            value = self.assign(self._suggest(node), value, node)
        self.values[node] = value
        return value

    def assign(self, name: str, value: Value, node: Node | None = None) -> Value:
        """A statement ``name = code``, under its line of the spec."""
        fresh = self.name(name)
        if node is not None and node.op == "define":
            letters = ", ".join(i.name for i in node.bound)
            head = f"{node.name}[{letters}]" if letters else node.name
            self.lines.append("# " + _short(f"{head} = {text(node.args[0])}"))
        self.lines.append(f"{fresh} = {value.code}")
        return replace(value, code=fresh, level=20)

    def named(self, value: Value, name: str, room: int = 60) -> Value:
        """``value`` under a name, if it would fill most of a line that goes on behind it."""
        return value if len(value.code) <= room else self.assign(name, value)

    def shortened(self, values: Sequence[Value], room: int = 70) -> list[Value]:
        """``values``, the longest under names until all of them fit on a line."""
        short = list(values)
        while sum(len(value.code) for value in short) > room:
            lengths = [0 if v.code.isidentifier() or v.scalar else len(v.code) for v in short]
            place = lengths.index(max(lengths))
            if lengths[place] < 16:
                break
            short[place] = self.assign("part", short[place])
        return short

    def name(self, wanted: str) -> str:
        fresh, number = identifier(wanted), 2
        while fresh in self.taken:
            fresh, number = identifier(f"{wanted}{number}"), number + 1
        self.taken.add(fresh)
        return fresh

    def call(self, function: str, *args: str) -> str:
        """A call of a runtime function; its source comes along since the code names it."""
        return f"{function}({', '.join(args)})"

    def _deserves_a_name(self, node: Node, value: Value) -> bool:
        if node.op == "define":
            return not value.code.isidentifier()
        if (
            value.code.isidentifier()
            or value.scalar
            or node.op in ("input", "at", "iverson", "not", "neg")
        ):
            return len(value.code) > LONG
        return (self.uses.get(node, 0) > 1 and len(value.code) > 24) or len(value.code) > LONG

    def _suggest(self, node: Node) -> str:
        if node.op == "define":
            return node.name
        return _SUGGESTED.get(node.op, "condition" if node.kind == "bool" else "part")

    # ------------------------------------------------------------------ nodes

    def _code(self, node: Node) -> Value:
        op = node.op
        if op == "const":
            literal = repr(node.value).replace("e+", "e")
            return Value(
                literal, (), node.kind, scalar=True, level=14 if literal.startswith("-") else 20
            )
        if op == "param":
            return Value(self.params[node.name], (), node.kind, scalar=True)
        if op == "dim":
            return Value(self.names[node.name], (), "int", scalar=True)
        if op == "index":
            return self.range(node.index)
        if op == "at":
            return self.at(node)
        if op == "define":
            return self.value(node.args[0])
        if op in ("sum", "mean", "prod", "min", "max", "any", "all", "logsumexp"):
            return self.reduction(node)
        if op == "argmax":
            return self.argmax(node)
        if op == "winner":
            return self.winner(node)
        if op == "sort":
            return self.sort(node)
        if op == "rank":
            return self.rank(node)
        if op == "expected":
            return self.expected(node)
        if op == "balance":
            return self.balance(node)
        if op == "loss_of":
            return self.loss_of(node)
        if op == "first_occurrence":
            return self.first_occurrence(node)
        return self.elementwise(node)

    # ------------------------------------------------------------------ helpers

    def fitting(self, nodes: Sequence[Node], room: int = 44) -> list[Value]:
        """The values of ``nodes``; the longest get names until the rest fits on one line."""
        values = [self.value(node) for node in nodes]
        while sum(len(value.code) for value in values) > room:
            lengths = [0 if v.code.isidentifier() or v.scalar else len(v.code) for v in values]
            place = lengths.index(max(lengths))
            if lengths[place] < 16:
                break
            values[place] = self.assign(self._suggest(nodes[place]), values[place])
            self.values[nodes[place]] = values[place]
        return values

    def real(self, value: Value) -> Value:
        """Counts and conditions in the dtype of the scores, so that float64 stays float64."""
        if value.kind == "real" or value.scalar:
            return value
        return replace(value, code=f"{value.atom}.to({self.dtype})", kind="real", level=20)

    def size(self, extent: Extent) -> str:
        """How many values an index takes."""
        if isinstance(extent.size, int):
            return str(extent.size + extent.extra)
        sign = "-" if extent.extra < 0 else "+"
        return self.names[extent.size] + (f" {sign} {abs(extent.extra)}" if extent.extra else "")

    def factor(self, extent: Extent) -> str:
        """The size, ready to be multiplied."""
        size = self.size(extent)
        return f"({size})" if " " in size else size

    def range(self, index: Index) -> Value:
        """The numbers that an index runs through, as a tensor of one axis."""
        if index not in self.ranges:
            extent, size = index.extent, self.size(index.extent)
            high = f"{size} + {extent.low}" if extent.low else size
            if extent.low and extent.low + extent.extra == 1 and isinstance(extent.size, str):
                high = f"{self.names[extent.size]} + 1"
            bounds = f"{extent.low}, {high}" if extent.low else high
            fresh = self.name(f"{index.name}_range")
            self.lines.append(f"{fresh} = torch.arange({bounds}, device={self.anchor}.device)")
            self.ranges[index] = fresh
        return Value(self.ranges[index], (index,), "int")


def _short(line: str, limit: int = 90) -> str:
    return line if len(line) <= limit else line[: limit - 3] + "..."
