"""Building calls and reductions."""

from __future__ import annotations

from lossc.compiler.front.building import Env, Value
from lossc.compiler.front.distances import ADAPTIVE, PAIRS, Pairs
from lossc.compiler.front.functions import FUNCTIONS, OPERATIONS
from lossc.compiler.front.properties import may_be_undefined as may_be_undefined
from lossc.compiler.front.properties import may_fail
from lossc.compiler.front.scope import Slot, free_names
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.grammar.source import Span


class Calls(Pairs):
    """The part of the builder that knows each function's and each reduction's arguments."""

    # ------------------------------------------------------------------ functions

    def call(self, call: sx.Call, env: Env) -> Node:
        name = call.name.id
        if name in PAIRS:
            return self.pair_function(call, env)
        if name == ADAPTIVE:
            return self.adaptive(call)
        function = FUNCTIONS.get(name)
        if function is None:
            if name in OPERATIONS:
                hint: str | None = f"a reduction binds an index: {name}[i] ..."
            else:
                hint = closest(name, {*FUNCTIONS, *OPERATIONS, *PAIRS})
            self.scope.error(
                call.name.span,
                "unknown-name",
                f"unknown function '{name}'",
                expected=one_of(FUNCTIONS),
                hint=hint,
            )
            return self.placeholder
        if not function.least <= len(call.args) <= function.most or call.kwargs:
            want = (
                str(function.least)
                if function.least == function.most
                else f"{function.least} to {function.most}"
            )
            given = f"{len(call.args)}" if not call.kwargs else "named ones"
            self.scope.error(
                call.span, "wrong-arity", f"{name}() takes {want} arguments, not {given}"
            )
            return self.placeholder
        if name == "distance":
            return self._distance(call, env)
        if name == "valid":
            return self._valid(call, env)
        if name == "where":
            condition = self.condition(call.args[0], env)
            yes, no = self.number(call.args[1], env), self.number(call.args[2], env)
            return self.make.where(condition, yes, no, call.span)
        args = [self.number(arg, env) for arg in call.args]
        if name == "detach":
            return self.make("detach", *args, kind=args[0].kind, span=call.span)
        kind = function.result
        if kind == "same":
            kind = "int" if all(arg.kind == "int" for arg in args) else "real"
        op = {"max": "maximum", "min": "minimum"}.get(name, name)
        decided = True if function.discrete and any(arg.live for arg in args) else None
        node = self.make(op, *args, kind=kind, span=call.span, decided=decided)
        return self.no_number(call.span) if self.fails(node) else node

    def _distance(self, call: sx.Call, env: Env) -> Node:
        points = [self.value(arg, env) for arg in call.args]
        sizes = [len(p) if isinstance(p, tuple) else 1 for p in points]
        if sizes[0] != sizes[1]:
            self.scope.error(
                call.span,
                "dim-clash",
                f"distance of a point of {sizes[0]} and a point of {sizes[1]} numbers",
            )
            return self.placeholder
        left, right = (p if isinstance(p, tuple) else (p,) for p in points)
        if any(node.kind in ("bool", "str") for node in (*left, *right)):
            self.scope.error(call.span, "wrong-kind", "distance() takes two points of numbers")
            return self.placeholder
        total = self.make.const(0)
        for a, b in zip(left, right, strict=True):
            difference = self.make.arithmetic("sub", a, b, call.span)
            total = self.make.arithmetic(
                "add", total, self.make.arithmetic("pow", difference, self.make.const(2))
            )
        return self.make("sqrt", total, kind="real", span=call.span)

    def _valid(self, call: sx.Call, env: Env) -> Node:
        node = self.number(call.args[0], env)
        name = node.args[0].name if node.op == "at" and node.args[0].op == "input" else None
        entry = self.scope.inputs.get(name) if name else None
        if entry is None or entry.kind.ignore is None:
            self.scope.error(
                call.args[0].span,
                "wrong-kind",
                "valid() asks about an int input that declares an `ignore` value",
            )
            return self.make.const(True)
        ignored = self.make("param", name=entry.kind.ignore.id, kind="int", span=call.span)
        return self.make("ne", node, ignored, kind="bool", span=call.span)

    # ------------------------------------------------------------------ reductions

    def reduction(self, expr: sx.Reduction, env: Env) -> Value:
        slots = [self.ranges.slots[id(b)] for b in expr.binders]
        inner = {**env, **{slot.name: slot for slot in slots}}
        by_name = {slot.name: slot for slot in slots}
        for name in free_names(expr.body, set()) if expr.body is not None else ():
            if name in by_name:
                # axes take the order in which the body uses them: no transposes
                self.index(by_name[name])
        bound = tuple(self.index(slot) for slot in slots)
        where = self.range_filter(slots, env)
        if expr.filter is not None:
            where = self.make.and_(where, self.condition(expr.filter, inner))
        if expr.op in ("argmax", "argmin"):
            return self._argmax(expr, slots, where, inner)
        if expr.op == "count":
            return self.filtered("sum", bound, self.make.const(1), where, expr.span)
        assert expr.body is not None
        if expr.op in ("any", "all"):
            return self._logical(expr.op, bound, self.condition(expr.body, inner), where, expr.span)
        return self.filtered(expr.op, bound, self.number(expr.body, inner), where, expr.span)

    def filtered(
        self, op: str, bound: tuple[Index, ...], body: Node, where: Node, span: Span
    ) -> Node:
        """A reduction whose live filter parts become factors: sum of [c] x, and a mean by ratio."""
        fixed, live = _split(self.make, where)
        if live.op == "const" or op not in ("sum", "mean"):
            if op == "sum" and body.op == "const" and live.op == "const" and fixed.op == "const":
                return self._size(bound, body, span)
            return self.make.reduce(op, bound, body, where, span)
        chosen = self.make.iverson(live)
        # what a filter leaves out may be undefined without harm
        if may_be_undefined(body) or may_fail(body):
            part = self.make.where(live, body, self.make.const(0), span)
        else:
            part = self.make.arithmetic("mul", chosen, body, span)
        total = self.make.reduce("sum", bound, part, fixed, span)
        if op == "sum":
            return total
        weight = self.make.reduce("sum", bound, chosen, fixed, span)
        return self.make.arithmetic("div", total, weight, span)

    def _size(self, bound: tuple[Index, ...], body: Node, span: Span) -> Node:
        """``count[i]`` without a filter: the number of values, a product of dims."""
        total = body
        for index in bound:
            extent = index.extent
            if isinstance(extent.size, int):
                size = self.make.const(extent.size + extent.extra, span)
            else:
                dim = self.make("dim", name=extent.size, kind="int", span=span)
                size = self.make.arithmetic("add", dim, self.make.const(extent.extra), span)
            total = self.make.arithmetic("mul", total, size, span)
        return total

    def _logical(
        self, op: str, bound: tuple[Index, ...], body: Node, where: Node, span: Span
    ) -> Node:
        """Live filter parts of any and all join the body; the rest stays a filter."""
        fixed, live = _split(self.make, where)
        if live.op != "const":
            body = (
                self.make.and_(live, body)
                if op == "any"
                else self.make.or_(self.make.not_(live), body)
            )
        return self.make.reduce(op, bound, body, fixed, span)

    def _argmax(self, expr: sx.Reduction, slots: list[Slot], where: Node, env: Env) -> Value:
        assert expr.body is not None
        bound = tuple(self.index(slot) for slot in slots)
        body = self.number(expr.body, env)
        if not body.live and body is not self.placeholder:
            self.scope.error(
                expr.span, "target-argmax", f"{expr.op} of a value that is not live decides nothing"
            )
        if expr.op == "argmin":
            body = self.make("neg", body, kind=body.kind, span=body.span)
        # ties go to what comes first in the order of the body, as in torch's row-major argmax
        seen = _order_in(body, bound)
        args = (body,) if where.op == "const" else (body, where)
        best = self.make("argmax", *args, kind="int", bound=seen, span=expr.span, decided=True)
        winners = {
            index: self.make(
                "winner", best, kind="int", component=place, span=expr.span, decided=True
            )
            for place, index in enumerate(seen)
        }
        picked = tuple(
            # of `g in values(group)` the member of the group wins, not where it first stands
            winners[index]
            if slot.values_of is None
            else self.make("at", self.input(slot.values_of), winners[index], kind="int")
            for index, slot in zip(bound, slots, strict=True)
        )
        return picked[0] if len(picked) == 1 else picked


def _split(make: NodeFactory, where: Node) -> tuple[Node, Node]:
    """The conjuncts of a filter that are fixed, and those that are live."""
    fixed = [part for part in conjuncts(where) if not part.live]
    live = [part for part in conjuncts(where) if part.live]
    return make.and_(*fixed), make.and_(*live)


def _order_in(body: Node, bound: tuple[Index, ...]) -> tuple[Index, ...]:
    """``bound`` in the order in which the indices first occur in ``body``."""
    seen: list[Index] = []
    stack, done = [body], set[Node]()
    while stack:
        node = stack.pop()
        if node in done:
            continue
        done.add(node)
        if node.op == "index" and node.index in bound and node.index not in seen:
            seen.append(node.index)
        stack.extend(reversed(node.args))
    return tuple(seen) + tuple(index for index in bound if index not in seen)
