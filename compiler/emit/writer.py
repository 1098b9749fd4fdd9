"""Writes torch code for nodes: one method a kind of node, broadcasting over named axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lossc.compiler.emit.access import LONG, Access
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.compiler.ir.text import text
from lossc.compiler.symbolic.atoms import Signs

_OPERATORS = {
    "add": ("+", 12), "sub": ("-", 12), "mul": ("*", 13), "div": ("/", 13), "floordiv": ("//", 13),
    "mod": ("%", 13), "pow": ("**", 15), "eq": ("==", 7), "ne": ("!=", 7), "lt": ("<", 7), "le": ("<=", 7),
    "gt": (">", 7), "ge": (">=", 7), "and": ("&", 10), "or": ("|", 8),
}  # fmt: skip
_SUGGESTED = {
    "sum": "total", "mean": "average", "div": "ratio", "sort": "ordered", "pow": "powered", "sqrt": "root", "max": "most",
    "min": "least", "any": "some", "all": "every", "and": "both", "or": "either", "where": "chosen", "argmax": "position",
}  # fmt: skip
_METHODS = {
    "abs",
    "exp",
    "log",
    "log2",
    "sqrt",
    "sigmoid",
    "tanh",
    "relu",
    "sin",
    "cos",
    "sign",
    "floor",
    "ceil",
    "round",
}
_MATH = {"exp", "log", "log2", "sqrt", "sin", "cos", "tanh"}


class Writer(Access):
    """Code for one function body.

    Args:
        names: Python names of inputs and definitions.
        params: Python code of each param, e.g. ``self.alpha``.
        dtype: Code of the dtype that counts are turned into.
        signs: What is known of signs, so that only divisions that can fail are guarded.
        special: Values of nodes that this function receives ready-made.
        batched: Whether decided values may carry leading batch axes.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        params: Mapping[str, str],
        dtype: str,
        signs: Signs,
        anchor: str,
        special: Callable[[Node], Value | None] | None = None,
        batched: bool = False,
        taken: set[str] | None = None,
    ):
        self.names, self.params, self.dtype, self.signs, self.anchor = (
            names,
            params,
            dtype,
            signs,
            anchor,
        )
        self.special = special or (lambda node: None)
        self.batched = batched
        self.lines: list[str] = []
        self.used: set[str] = set()  # runtime functions that the code calls
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

    def name(self, wanted: str) -> str:
        fresh, number = identifier(wanted), 2
        while fresh in self.taken:
            fresh, number = identifier(f"{wanted}{number}"), number + 1
        self.taken.add(fresh)
        return fresh

    def call(self, function: str, *args: str) -> str:
        """A call of a runtime function, noted so that its source comes along."""
        self.used.add(function)
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
            literal = repr(node.value)
            return Value(
                literal, (), node.kind, scalar=True, level=14 if literal.startswith("-") else 20
            )
        if op == "param":
            return Value(self.params[node.name], (), node.kind, scalar=True)
        if op == "dim":
            return Value(self.names[node.name], (), "int", scalar=True)
        if op == "index":
            return self.range(node.attr("index"))  # type: ignore[arg-type]
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
        if op == "first_occurrence":
            return self.first_occurrence(node)
        return self.elementwise(node)

    def elementwise(self, node: Node) -> Value:
        values = self.fitting(node.args[: 2 if node.op == "beats" else None])
        if node.op == "iverson":
            (value,) = values
            if value.scalar:
                return replace(
                    value,
                    code=f"int{value.inside(0) if value.level < 20 else f'({value.code})'}",
                    kind="int",
                    level=20,
                )
            return replace(value, code=f"{value.atom}.long()", kind="int", level=20)
        if node.op == "beats":
            return self._beats(node)
        axes = union(*values)
        batched = any(v.batched for v in values)
        if len(values) > 1:
            values = [align(v, axes) for v in values]
        scalar = all(v.scalar for v in values)
        if node.op in _OPERATORS:
            values = self._promoted(node, values)
        code, level = self._elementwise_code(node, values, scalar)
        return Value(code, axes, node.kind, scalar=scalar, level=level, batched=batched)

    def _elementwise_code(self, node: Node, values: list[Value], scalar: bool) -> tuple[str, int]:
        op, first = node.op, values[0]
        if (
            op == "div"
            and not scalar
            and not self.signs.positive(node.args[1])
            and not values[1].scalar
        ):
            return self.call("divide", *(v.code for v in values)), 20
        if op in ("and", "or") and scalar:
            return f"{first.inside(4)} {op} {values[1].inside(4)}", 3
        if op in _OPERATORS:
            symbol, level = _OPERATORS[op]
            tight = level + (op in ("sub", "div", "mod", "floordiv") or level == 7)
            if op == "pow":
                base, exponent = first.inside(16), values[1].inside(16)
                simple = all(
                    re.fullmatch(r"[A-Za-z_][\w.]*|\d+", part) for part in (base, exponent)
                )
                return (f"{base}**{exponent}" if simple else f"{base} ** {exponent}"), 15
            return f"{first.inside(level + (level == 7))} {symbol} {values[1].inside(tight)}", level
        if op == "neg":
            return f"-{first.inside(14)}", 14
        if op == "not":
            return (f"not {first.inside(5)}", 5) if scalar else (f"~{first.inside(14)}", 14)
        if op == "detach":
            return (first.code, first.level) if first.scalar else (f"{first.atom}.detach()", 20)
        if op == "else":
            return self.call("otherwise", *(v.code for v in values)), 20
        if op == "where":
            return self._where(values, scalar)
        if op in ("maximum", "minimum"):
            return self._extreme(op, values, scalar)
        if op in ("logsigmoid", "softplus"):
            return f"functional.{op}({first.code})", 20
        if op in _METHODS:
            if scalar:
                return (f"math.{op}({first.code})" if op in _MATH else f"{op}({first.code})"), 20
            if first.kind != "real" and op not in ("abs", "relu", "sign"):
                first = self.real(first)
            code = f"{first.atom}.{op}()"
            return (f"{code}.long()" if op in ("floor", "ceil", "round") else code), 20
        raise AssertionError(f"no code for {op}")

    def _where(self, values: list[Value], scalar: bool) -> tuple[str, int]:
        condition, yes, no = values
        if condition.scalar and (scalar or yes.scalar == no.scalar):
            return f"{yes.inside(2)} if {condition.code} else {no.inside(1)}", 1
        test = (
            f"torch.tensor({condition.code}, device={self.anchor}.device)"
            if condition.scalar
            else condition.code
        )
        if yes.scalar and no.scalar:
            yes = replace(yes, code=f"{self.anchor}.new_tensor({yes.code})")
        return f"torch.where({test}, {yes.code}, {no.code})", 20

    def _extreme(self, op: str, values: list[Value], scalar: bool) -> tuple[str, int]:
        left, right = values
        if scalar:
            return f"{op[:3]}({left.code}, {right.code})", 20
        if left.scalar:
            left, right = right, left
        if right.scalar:
            bound = "min" if op == "maximum" else "max"
            return f"{left.atom}.clamp({bound}={right.code})", 20
        return f"torch.{op}({left.code}, {right.code})", 20

    def _beats(self, node: Node) -> Value:
        """The reference meaning: larger, or equal and earlier."""
        values = self.fitting(node.args[:2])
        earlier = self.value(node.args[2])
        axes = union(*values, earlier)
        left, right, first = (align(v, axes) for v in (*values, earlier))
        larger = self.assign("larger", Value(f"{left.inside(8)} > {right.inside(8)}", axes, "bool"))
        equal = self.assign("equal", Value(f"{left.inside(8)} == {right.inside(8)}", axes, "bool"))
        return Value(f"{larger.code} | {equal.code} & {first.inside(11)}", axes, "bool", level=8)

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

    def _promoted(self, node: Node, values: list[Value]) -> list[Value]:
        """Whole numbers among themselves would be divided, and meet Python floats, in float32."""
        tensors = [v for v in values if not v.scalar]
        if node.kind == "real" and tensors and all(v.kind != "real" for v in tensors):
            place = next(k for k, v in enumerate(values) if not v.scalar)
            values = [self.real(v) if k == place else v for k, v in enumerate(values)]
        return values

    def size(self, extent: Extent) -> str:
        base = str(extent.size) if isinstance(extent.size, int) else self.names[extent.size]
        if isinstance(extent.size, int):
            return str(extent.size + extent.extra)
        return base + (
            f" + {extent.extra}"
            if extent.extra > 0
            else f" - {-extent.extra}"
            if extent.extra
            else ""
        )

    def range(self, index: Index) -> Value:
        """The numbers that an index runs through, as a tensor of one axis."""
        if index not in self.ranges:
            extent, size = index.extent, self.size(index.extent)
            high = f"{size} + {extent.low}" if extent.low else size
            if (
                extent.low
                and extent.low == 1 - extent.extra - 0
                and not isinstance(extent.size, int)
            ):
                high = f"{self.names[extent.size]} + {extent.low + extent.extra}"
            bounds = f"{extent.low}, {high}" if extent.low else high
            fresh = self.name(f"{index.name}_range")
            self.lines.append(f"{fresh} = torch.arange({bounds}, device={self.anchor}.device)")
            self.ranges[index] = fresh
        return Value(self.ranges[index], (index,), "int")


def _short(line: str, limit: int = 90) -> str:
    return line if len(line) <= limit else line[: limit - 3] + "..."
