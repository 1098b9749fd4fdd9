"""Building operators: arithmetic on constants is done, ``beats`` gets its tie rule."""

from __future__ import annotations

from dataclasses import replace

from lossc.compiler.front.building import Building, Env
from lossc.compiler.front.constants import LARGEST_BITS, LARGEST_EXPONENT, bits, fold
from lossc.compiler.front.properties import is_plain
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
        if self.scope.errors and self.placeholder in (left, right):
            return self.placeholder
        if left.op == right.op == "const":
            folded = fold(_ARITHMETIC[expr.op], left.number, right.number)
            if folded is None:
                return self.no_number(expr.span)
            return self.make.const(folded, expr.span)
        node = self.make.arithmetic(_ARITHMETIC[expr.op], left, right, expr.span)
        if self.fails(node):
            return self.no_number(expr.span)
        if is_plain(node):
            return self._of_bounded_size(node, expr.span)
        return node

    def fails(self, node: Node) -> bool:
        """Whether an operation has no value; what stands in for a mistake is no number."""
        stand_in = bool(self.scope.errors) and self.placeholder in node.args
        return not stand_in and self.constants.fails(node)

    def no_number(self, span: Span) -> Node:
        self.scope.error(
            span, "bad-number", "this constant cannot be computed: it overflows or is undefined"
        )
        return self.placeholder

    def _of_bounded_size(self, node: Node, span: Span) -> Node:
        """Whole numbers of Python have no largest one: what would fill the memory is refused."""
        if node.op == "pow" and all(arg.kind == "int" for arg in node.args):
            exponent = node.args[1]
            number = self.constants.value(exponent)
            ranges = {p.name.id: p.range for p in self.scope.spec.params}
            bounds = ranges.get(exponent.name) if exponent.op == "param" else None
            largest = bounds.high if bounds is not None else number
            free = exponent.op == "param" and bounds is None
            if free or largest is None or abs(largest) > LARGEST_EXPONENT:
                self.scope.error(
                    span,
                    "bad-number",
                    "the exponent of a power of whole numbers must be known and small",
                    expected=f"a number up to {LARGEST_EXPONENT}, or a param with such a range",
                )
                return self.placeholder
        if bits(node) > LARGEST_BITS:
            self.scope.error(span, "bad-number", "this whole number becomes too large")
            return self.placeholder
        return node

    def compare(self, expr: sx.Compare, env: Env) -> Node:
        before = len(self.scope.errors)
        left = self.scalar(expr.left, env)
        if isinstance(expr.left, sx.Reduction) and self._ends_early(expr, expr.left, before):
            return self.make.const(True)
        right = self.scalar(expr.right, env)
        if left.kind == "str" or right.kind == "str":
            return self._compare_texts(expr, left, right)
        op = _COMPARE[expr.op]
        if left.kind == right.kind == "bool" and op in ("eq", "ne"):
            left, right = self.make.iverson(left), self.make.iverson(right)
        for part, node in ((expr.left, left), (expr.right, right)):
            if node.kind == "bool":
                self.scope.error(
                    part.span,
                    "wrong-kind",
                    f"a condition cannot be compared by `{expr.op}` with a number",
                    hint="write [condition] for 1 or 0, or (a) == (b) for two conditions",
                )
                return self.make.const(True)
        if op == "beats":
            return self.beats(expr, left, right)
        if left is right and not self.scope.errors:
            return self.make.const(op in ("eq", "le", "ge"), expr.span)
        decided = left.live or right.live
        return self.make(op, left, right, kind="bool", span=expr.span, decided=decided)

    def _ends_early(self, expr: sx.Compare, left: sx.Reduction, before: int) -> bool:
        """Says so where ``all[i] x[i] > 0`` was written for ``all[i] [x[i] > 0]``."""
        body, errors = left.body, self.scope.errors
        if left.op not in ("any", "all") or body is None or len(errors) != before + 1:
            return False
        found = errors[before]
        if found.rule != "wrong-kind" or found.span is not body.span:
            return False
        whole, place = expr.span.text, body.span.start - expr.span.start
        hint = "a reduction's body ends before a comparison: put the comparison in [ ]"
        if expr.span.start == left.span.start and whole[place - 1] not in "([":
            head, tail = " ".join(whole[:place].split()), " ".join(whole[place:].split())
            hint = f"a reduction's body ends before a comparison: write `{head} [{tail}]`"
        errors[before] = replace(found, hint=hint)
        return True

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
