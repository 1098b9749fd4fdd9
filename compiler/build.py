"""Syntax to typed graph: names become nodes, kinds are checked, every error of the spec is collected."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lossc.compiler.calls import Calls
from lossc.compiler.ir.graph import Graph, substitute
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Extent, Node
from lossc.compiler.order_statistics import OrderStatistics
from lossc.compiler.params import bind_params
from lossc.compiler.ranges import Ranges
from lossc.compiler.scope import Scope, Slot, open_scope
from lossc.grammar import syntax as sx
from lossc.grammar.errors import SpecError
from lossc.grammar.source import Span

Value = Node | tuple[Node, ...]
Env = Mapping[str, Slot]

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


def build(spec: sx.Spec, overrides: Mapping[str, int | float | str] | None = None) -> Graph:
    """The typed graph of a spec.

    Args:
        spec: A parsed spec.
        overrides: Parameter values that replace the spec's defaults.

    Raises:
        SpecError: Every error of meaning that could be found, in the order of the file.
    """
    params, errors = bind_params(spec, overrides or {})
    scope = open_scope(spec, params)
    scope.errors[:0] = errors
    if any(error.rule in ("cycle", "duplicate") for error in scope.errors):
        raise SpecError(scope.errors)
    return _Builder(scope).graph()


def check(spec: sx.Spec) -> None:
    """Raises what :func:`build` would, and returns nothing."""
    build(spec)


class _Builder(Calls, OrderStatistics):
    """Walks the syntax twice: ranges first (see ``ranges.py``), then nodes."""

    def __init__(self, scope: Scope):
        self.scope = scope
        self.make = NodeFactory()
        self.ranges = Ranges(scope)
        self.definitions: dict[str, Value] = {}
        self.placeholder = self.make.const(0.0)

    def graph(self) -> Graph:
        scope, spec = self.scope, self.scope.spec
        for name in scope.order:
            self.ranges.definition(scope.definitions[name])
        for truth in scope.truths:
            self.ranges.definition(truth)
        self.ranges.walk(spec.goal.body, {})
        self.ranges.settle()
        for name in scope.order:
            self.definitions[name] = self.definition(scope.definitions[name])
        truths = {t.name.id: self.definition(t) for t in scope.truths}
        root = self.goal(spec.goal)
        if scope.errors:
            raise SpecError(scope.errors)
        arrays = {name: value for name, value in truths.items() if isinstance(value, Node)}
        return Graph(spec, root, spec.goal.kind, arrays, dict(scope.params), self.make)

    def goal(self, goal: sx.Goal) -> Node:
        root = self.number(goal.body, {})
        if goal.kind == "combine" or self.scope.spec.terms:
            self.scope.error(
                goal.span, "not-supported", "terms and their weighting are not compiled yet"
            )
        elif root.live is False and not self.scope.errors:
            self.scope.error(
                goal.span, "not-live", f"the {goal.kind} expression depends on no live input"
            )
        elif goal.kind != "loss" and not root.decided and not self.scope.errors:
            self.scope.error(
                goal.span,
                "no-decision",
                "nothing in this metric is discrete",
                hint="write `loss` instead of `"
                + goal.kind
                + "`, with the sign that makes smaller better",
            )
        return root

    def definition(self, definition: sx.Definition) -> Value:
        slots = {b.name.id: self.ranges.slots[id(b)] for b in definition.binders}
        bound = tuple(self.index(slot) for slot in slots.values())
        value = self.value(definition.body, slots)

        def wrap(node: Node, name: str) -> Node:
            if not bound:
                return self.make(
                    "define", node, name=name, bound=(), kind=node.kind, span=definition.name.span
                )
            return self.make(
                "define", node, name=name, bound=bound, kind=node.kind, span=definition.name.span
            )

        name = definition.name.id
        if isinstance(value, tuple):
            return tuple(wrap(node, f"{name}_{place}") for place, node in enumerate(value))
        return wrap(value, name)

    # ------------------------------------------------------------------ indices

    def index(self, slot: Slot) -> object:
        return self.make.index(slot.name, slot.extent or Extent(1))

    def index_value(self, slot: Slot, span: Span) -> Node:
        """The number that an index stands for: itself, or the member of ``values(group)``."""
        number = self.make.at_index(self.index(slot), span)  # type: ignore[arg-type]
        if slot.values_of is not None:
            return self.make("at", self.input(slot.values_of), number, kind="int", span=span)
        return number

    def range_filter(self, slots: list[Slot], env: Env) -> Node:
        """What limits padded ranges: ``r <= m``, and the first occurrence of each of ``values(group)``."""
        parts = [self.make.const(True)]
        for slot in slots:
            here = self.make.at_index(self.index(slot), slot.span)  # type: ignore[arg-type]
            if slot.upper is not None:
                upper = self.number(slot.upper, env)
                if upper.live:
                    self.scope.error(
                        slot.upper.span, "not-supported", "a range cannot end at a live value"
                    )
                parts.append(self.make("le", here, upper, kind="bool", span=slot.upper.span))
            if slot.values_of is not None:
                array = self.input(slot.values_of)
                parts.append(
                    self.make("first_occurrence", array, here, kind="bool", span=slot.span)
                )
        return self.make.and_(*parts)

    # ------------------------------------------------------------------ values

    def number(self, expr: sx.Expr, env: Env) -> Node:
        """A scalar that is not a bare condition."""
        node = self.scalar(expr, env)
        if node.kind == "bool":
            self.scope.error(
                expr.span,
                "wrong-kind",
                "a condition stands where a number must",
                hint="write [condition] for 1 or 0",
            )
            return self.placeholder
        if node.kind == "str":
            self.scope.error(expr.span, "wrong-kind", "a text stands where a number must")
            return self.placeholder
        return node

    def condition(self, expr: sx.Expr, env: Env) -> Node:
        """A condition; ``[condition]`` is taken for the condition itself."""
        node = self.scalar(expr, env)
        if node.op == "iverson":
            return node.args[0]
        if node.op == "at" and node.args[0].op == "define" and node.args[0].args[0].op == "iverson":
            define = node.args[0]  # `let yes[i] = [...]` is a condition wherever one is wanted
            places = dict(zip(define.bound, node.args[1:], strict=True))
            return substitute(define.args[0].args[0], self.make, places)
        if node.kind == "int" and node.op == "const" and node.value in (0, 1):
            return self.make.const(bool(node.value))
        if node.kind != "bool":
            if node is not self.placeholder:
                self.scope.error(expr.span, "wrong-kind", "a number stands where a condition must")
            return self.make.const(True)
        return node

    def scalar(self, expr: sx.Expr, env: Env) -> Node:
        value = self.value(expr, env)
        if isinstance(value, tuple):
            self.scope.error(
                expr.span,
                "wrong-kind",
                f"a point of {len(value)} numbers stands where one number must",
            )
            return self.placeholder
        return value

    def value(self, expr: sx.Expr, env: Env) -> Value:  # one construct, one line
        match expr:
            case sx.Number(value=value):
                return self.make.const(value, expr.span)
            case sx.String(value=text):
                return self.make.const(text, expr.span)
            case sx.Name():
                return self.name(expr, env)
            case sx.Access():
                return self.access(expr, env)
            case sx.Call():
                return self.call(expr, env)
            case sx.Negate(value=inner):
                return self.negate(self.number(inner, env), expr.span)
            case sx.Arithmetic():
                return self.arithmetic(expr, env)
            case sx.Compare():
                return self.compare(expr, env)
            case sx.Logic(op=op):
                left, right = self.condition(expr.left, env), self.condition(expr.right, env)
                return self.make.and_(left, right) if op == "and" else self.make.or_(left, right)
            case sx.Not(value=inner):
                return self.make.not_(self.condition(inner, env))
            case sx.Reduction():
                return self.reduction(expr, env)
            case sx.Order():
                return self.order(expr, env)
            case sx.Iverson(condition=inner):
                return self.make.iverson(self.condition(inner, env))
            case sx.Else(value=inner, default=default):
                left, right = self.number(inner, env), self.number(default, env)
                kind = left.kind if left.kind == right.kind else "real"
                return self.make("else", left, right, kind=kind, span=expr.span)
            case sx.Tuple(items=items):
                return tuple(self.number(item, env) for item in items)
        raise AssertionError(f"unknown construct {type(expr).__name__}")

    def name(self, name: sx.Name, env: Env) -> Value:
        scope = self.scope
        if name.id in env:
            return self.index_value(env[name.id], name.span)
        if name.id in scope.params:
            value = scope.params[name.id]
            if isinstance(value, str):
                return self.make.const(value, name.span)
            kind = "int" if isinstance(value, int) else "real"
            return self.make("param", name=name.id, kind=kind, span=name.span)
        if name.id in scope.dims:
            return self.make("dim", name=name.id, kind="int", span=name.span)
        if name.id in scope.inputs or name.id in scope.definitions:
            return self.access(sx.Access(name, (), name.span), env)
        scope.unknown(name.span, name.id, set(env))
        return self.placeholder

    def input(self, name: str) -> Node:
        entry = self.scope.inputs[name]
        extents = tuple(Extent(dim.size) for dim in entry.kind.dims)
        below = Extent(entry.kind.below.size) if entry.kind.below else None
        return self.make(
            "input",
            name=name,
            dims=extents,
            below=below,
            ignores=entry.kind.ignore is not None,
            kind=entry.kind.type,
            live=entry.kind.live,
            span=entry.name.span,
        )

    def access(self, access: sx.Access, env: Env) -> Value:
        """``name[i, j]``; a fixed trailing dim that is left out makes a point."""
        name = access.name
        indices = [self.subscript(index, env) for index in access.indices]
        if name.id in self.scope.inputs:
            array = self.input(name.id)
            extents: tuple[Extent, ...] = array.attr("dims")  # type: ignore[assignment]
            missing = extents[len(indices) :]
            if (
                len(missing) == 1
                and isinstance(missing[0].size, int)
                and (indices or len(extents) == 1)
            ):
                places = range(missing[0].size)
                return tuple(
                    self._at(array, [*indices, self.make.const(p)], access) for p in places
                )
            if len(indices) != len(extents):
                self._arity(access, len(extents), ", ".join(str(e) for e in extents))
                return self.placeholder
            return self._at(array, indices, access)
        if name.id in self.scope.definitions:
            value = self.definitions.get(name.id, self.placeholder)
            first = value[0] if isinstance(value, tuple) else value
            count = len(first.bound)
            if first.op == "define" and len(indices) != count:
                letters = ", ".join(i.name for i in first.bound)
                self._arity(access, count, letters)
                return self.placeholder
            if isinstance(value, tuple):
                return tuple(self._at(part, indices, access) for part in value)
            return self._at(value, indices, access) if value.op == "define" else value
        if name.id in env or name.id in self.scope.params or name.id in self.scope.dims:
            self.scope.error(
                name.span, "wrong-arity", f"'{name.id}' is one number and takes no subscripts"
            )
        else:
            self.scope.unknown(name.span, name.id, set(env))
        return self.placeholder

    def _arity(self, access: sx.Access, count: int, letters: str) -> None:
        self.scope.error(
            access.span,
            "wrong-arity",
            f"'{access.name.id}' takes {count} subscript{'s' * (count != 1)}, not {len(access.indices)}",
            expected=f"{access.name.id}[{letters}]" if letters else access.name.id,
        )

    def _at(self, array: Node, indices: list[Node], access: sx.Access) -> Node:
        return self.make("at", array, *indices, kind=array.kind, span=access.span)

    def subscript(self, expr: sx.Expr, env: Env) -> Node:
        node = self.number(expr, env)
        if node.kind != "int" and node is not self.placeholder and not node.decided:
            self.scope.error(
                expr.span, "wrong-kind", "a subscript must be a whole number, and this is real"
            )
        elif node.live and not node.decided:
            self.scope.error(expr.span, "wrong-kind", "a live value cannot be a subscript")
        return node

    # ------------------------------------------------------------------ operators

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
        results = {
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
