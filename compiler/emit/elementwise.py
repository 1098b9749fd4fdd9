"""Code for operators, functions and conditions, broadcasting over named axes."""

from __future__ import annotations

import re
from dataclasses import replace

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.front.properties import may_be_undefined, stays_small
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.symbolic.atoms import Signs

_OPERATORS = {
    "add": ("+", 12), "sub": ("-", 12), "mul": ("*", 13), "div": ("/", 13),
    "floordiv": ("//", 13), "mod": ("%", 13), "pow": ("**", 15),
    "eq": ("==", 7), "ne": ("!=", 7), "lt": ("<", 7), "le": ("<=", 7), "gt": (">", 7),
    "ge": (">=", 7), "and": ("&", 10), "or": ("|", 8),
}  # fmt: skip
_METHODS = frozenset(
    {
        *("abs", "exp", "log", "log2", "sqrt", "sigmoid", "tanh", "relu"),
        *("sin", "cos", "sign", "floor", "ceil", "round"),
    }
)
_FUNCTIONAL = ("logsigmoid", "softplus")


class Elementwise(Part):
    """The part of the writer that computes item by item."""

    def elementwise(self, node: Node) -> Value:
        """Whatever broadcasts over the axes of its arguments."""
        values = self.fitting(node.args[: 2 if node.op == "beats" else None])
        if node.op == "iverson":
            (value,) = values
            if value.scalar:
                return replace(
                    value,
                    code=f"int({value.code})",
                    kind="int",
                    level=20,
                )
            return replace(value, code=f"{value.atom}.long()", kind="int", level=20)
        if node.op == "beats":
            return self._beats(node)
        axes = union(*values)
        batched = any(v.batched for v in values)
        if len(values) > 1:
            values = self.shortened([align(v, axes) for v in values])
        scalar = all(v.scalar for v in values)
        if node.op in _OPERATORS or node.op in ("maximum", "minimum"):
            values = self._promoted(node, values)
        if not scalar and _may_overflow(node):
            return self._widened(node, values, axes, batched)
        elif node.op in ("where", "else") and node.kind == "real":
            values = [value if value.kind == "bool" else self.real(value) for value in values]
        code, level = self._elementwise_code(node, values, scalar)
        return Value(code, axes, node.kind, scalar=scalar, level=level, batched=batched)

    def _widened(
        self, node: Node, values: list[Value], axes: tuple[Index, ...], batched: bool
    ) -> Value:
        """A product of counts in float64: exact up to 2^53, and no overflow beyond."""
        self.widened = True
        first, second = values
        if node.op == "pow":
            if first.scalar:
                number = f"{self.anchor}.new_tensor({first.code}, dtype=torch.float64)"
                first = replace(first, code=number, scalar=False, level=20)
            code = f"{first.atom}.double() ** {second.inside(16)}"
            return Value(code, axes, "real", level=15, batched=batched)
        if first.scalar:
            first, second = second, first
        code = f"{first.atom}.double() * {second.inside(14)}"
        return Value(code, axes, "real", level=13, batched=batched)

    def _elementwise_code(self, node: Node, values: list[Value], scalar: bool) -> tuple[str, int]:
        op, first = node.op, values[0]
        if (
            op == "div"
            and not scalar
            and not self.signs.positive(node.args[1])
            and not values[1].scalar
        ):
            return self.call("divide", *(v.code for v in values)), 20
        if op == "div" and not scalar and not self._never_zero(node.args[1]):
            return self.call("divide_by_number", *(v.code for v in values)), 20
        if op == "div" and scalar and node.args[1].op != "const":
            quotient = f"{first.inside(13)} / {values[1].inside(14)}"
            return f"{quotient} if {values[1].inside(2)} else math.nan", 1
        if op in ("floordiv", "mod") and scalar and node.args[1].op != "const":
            number = f"{first.inside(13)} {_OPERATORS[op][0]} {values[1].inside(14)}"
            return f"{number} if {values[1].inside(2)} else math.nan", 1
        if op in ("and", "or") and scalar:
            return f"{first.inside(4)} {op} {values[1].inside(4)}", 3
        if op in ("floordiv", "mod") and node.kind == "real" and not scalar:
            return self._divided(node, *values)
        if op == "pow" and not scalar and any(map(may_be_undefined, node.args)):
            return self.call("defined_power", *(self._tensor(v) for v in values)), 20
        if op == "pow" and _may_be_steep(node) and not first.scalar:
            base = first.code
            if node.args[1].op == "const" and not self.signs.nonnegative(node.args[0]):
                base = self.call("undefined_below_zero", base)
            return self.call("power_at_zero", base, values[1].code), 20
        if op == "mul" and self._may_lose_gradient(node, values):
            return self.call("defined_product", *(v.code for v in values)), 20
        if op in _OPERATORS:
            symbol, level = _OPERATORS[op]
            # a * (b * c) stays: whole numbers times a float of Python would be of single precision
            tight = level + (op in ("sub", "mul", "div", "mod", "floordiv") or level == 7)
            if op == "pow":
                base, exponent = first.inside(16), values[1].inside(16)
                simple = all(
                    re.fullmatch(r"[A-Za-z_][\w.]*|\d+", part) for part in (base, exponent)
                )
                return (f"{base}**{exponent}" if simple else f"{base} ** {exponent}"), 15
            code = f"{first.inside(level + (level == 7))} {symbol} {values[1].inside(tight)}"
            # a * (b // c) is not a * b // c
            return code, (level - 1 if op in ("floordiv", "mod") else level)
        if op == "neg":
            return f"-{first.inside(14 if first.level != 15 else 16)}", 14
        if op == "not":
            return (f"not {first.inside(5)}", 5) if scalar else (f"~{first.inside(14)}", 14)
        if op == "detach":
            return (first.code, first.level) if first.scalar else (f"{first.atom}.detach()", 20)
        if op == "else":
            if scalar:
                default, number = values[1].inside(2), first.inside(2)
                return f"{default} if math.isnan({first.code}) else {number}", 1
            value = self._tensor(first)
            return self.call("otherwise", value, values[1].code), 20
        if op == "where":
            return self._where(values, scalar)
        if op in ("maximum", "minimum"):
            return self._extreme(op, values, scalar)
        if scalar:
            return self._of_number(op, first)
        if op == "times_log":
            return self.call("times_log", *(self._tensor(v) for v in values)), 20
        if op in ("logsigmoid", "softplus"):
            return f"functional.{op}({self.real(first).code})", 20
        if op == "sqrt" and node.live:
            return self.call("square_root", self.real(first).code), 20
        if op in _METHODS:
            if first.kind != "real" and op not in ("abs", "relu", "sign"):
                first = self.real(first)
            if op in ("exp", "log", "log2") and node.live and may_be_undefined(node.args[0]):
                first = Value(self.call("flat_where_undefined", first.code), first.axes, "real")
            code = f"{first.atom}.{op}()"
            whole = op in ("floor", "ceil", "round") and not may_be_undefined(node.args[0])
            return (f"{code}.long()" if whole else code), 20
        raise AssertionError(f"no code for {op}")

    def _may_lose_gradient(self, node: Node, values: list[Value]) -> bool:
        """A product whose one factor may be undefined and whose other one has a gradient."""
        if not all(arg.live for arg in node.args) or any(v.scalar for v in values):
            return False
        return any(may_be_undefined(arg) or may_leave_domain(self.signs, arg) for arg in node.args)

    def _tensor(self, value: Value) -> str:
        return f"{self.anchor}.new_tensor({value.code})" if value.scalar else value.code

    def _divided(self, node: Node, value: Value, unit: Value) -> tuple[str, int]:
        """Whole quotients by the quotient itself, as its thresholds are, and what is left over."""
        if node.op == "mod" and not value.code.isidentifier():  # it is needed twice
            value = self.assign("value", value)
        if self._never_zero(node.args[1]):
            whole = f"({value.inside(13)} / {unit.inside(14)}).floor()"
        else:
            function = "divide_by_number" if unit.scalar else "divide"
            parts = (self._tensor(value) if unit.scalar else value.code, unit.code)
            whole = f"{self.call(function, *parts)}.floor()"
        if node.op == "floordiv":
            return whole, 20
        return f"{value.inside(12)} - {unit.inside(13)} * {whole}", 12

    def _never_zero(self, divisor: Node) -> bool:
        return (divisor.op == "const" and divisor.number != 0) or self.signs.positive(divisor)

    def _of_number(self, op: str, number: Value) -> tuple[str, int]:
        """A function of a size or a param: torch's own on a scalar, so that nothing overflows."""
        if op in ("abs", "round"):
            return f"{op}({number.code})", 20
        if op in ("floor", "ceil"):
            return f"math.{op}({number.code})", 20
        value = f"torch.tensor(float({number.code}), dtype=torch.float64)"
        function = f"functional.{op}({value})" if op in _FUNCTIONAL else f"{value}.{op}()"
        return f"float({function})", 20

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
        batched = any(value.batched for value in values)
        left, right, first = (align(v, axes) for v in (*values, earlier))
        larger = self.assign("larger", Value(f"{left.inside(8)} > {right.inside(8)}", axes, "bool"))
        equal = self.assign("equal", Value(f"{left.inside(8)} == {right.inside(8)}", axes, "bool"))
        code = f"{larger.code} | {equal.code} & {first.inside(11)}"
        return Value(code, axes, "bool", level=8, batched=batched)

    def _promoted(self, node: Node, values: list[Value]) -> list[Value]:
        """Whole numbers among themselves would be divided, and meet Python floats, in float32."""
        tensors = [v for v in values if not v.scalar]
        if node.kind == "real" and tensors and all(v.kind != "real" for v in tensors):
            place = next(k for k, v in enumerate(values) if not v.scalar)
            values = [self.real(v) if k == place else v for k, v in enumerate(values)]
        return values


def may_leave_domain(signs: Signs, root: Node) -> bool:
    """Whether a root or a logarithm of what may be negative stands in a value, item by item."""
    stack, seen = [root], {root}
    while stack:
        node = stack.pop()
        if node.op in ("sqrt", "log", "log2") and not signs.nonnegative(node.args[0]):
            return True
        if node.op == "pow" and _may_be_steep(node) and not signs.nonnegative(node.args[0]):
            return True
        if node.op in ("add", "sub", "mul", "neg", "abs"):
            stack.extend(arg for arg in node.args if arg not in seen)
            seen.update(node.args)
    return False


def _may_overflow(node: Node) -> bool:
    """A product of whole numbers that grow with the batch, or a power of one."""
    if node.kind != "int" or node.op not in ("mul", "pow"):
        return False
    left, right = node.args
    if node.op == "pow":
        return not stays_small(left)
    return not stays_small(left) and not stays_small(right)


def _may_be_steep(node: Node) -> bool:
    """Whether a gradient passes a power whose slope at 0 is infinite, or is none at all."""
    base, exponent = node.args
    if not base.live or base.decided or base.kind != "real":
        return False
    return exponent.op != "const" or exponent.number < 1
