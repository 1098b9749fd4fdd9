"""Syntax to typed graph: names become nodes, kinds are checked, all errors are collected."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from lossc.compiler.front.building import Env, Value
from lossc.compiler.front.calls import Calls
from lossc.compiler.front.examples import check_examples
from lossc.compiler.front.integrals import CENTRES, Integrals
from lossc.compiler.front.names import LONGEST_POINT, Names
from lossc.compiler.front.operators import Operators
from lossc.compiler.front.order_statistics import OrderStatistics
from lossc.compiler.front.params import bind_params
from lossc.compiler.front.scope import Slot, open_scope, uses_of
from lossc.compiler.front.sizes import check_sizes
from lossc.compiler.front.terms import Terms
from lossc.compiler.ir.graph import Graph, substitute
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.compiler.passes.comparisons import has_gradient
from lossc.compiler.schedules import check_names
from lossc.compiler.uses.expand import expand
from lossc.grammar import syntax as sx
from lossc.grammar.errors import SpecError, UnfinishedSpec
from lossc.grammar.folders import Folders
from lossc.grammar.load import load
from lossc.grammar.source import Span

MOST_NESTED = 100  # definitions


def build(
    spec: sx.Spec,
    overrides: Mapping[str, int | float | str] | None = None,
    lost: Iterable[str] = (),
    folders: Folders = (),
    called: Mapping[str, str] | None = None,
) -> Graph:
    """The typed graph of a spec.

    Args:
        spec: A parsed spec.
        overrides: Parameter values that replace the spec's defaults.
        lost: Names whose statements could not be read: their absence is no news.
        folders: Where the specs that it uses are looked up before the bundled library.
        called: Texts of the specs that its terms call, where no file is asked for them.

    Raises:
        SpecError: Every error of meaning that could be found, in the order of the file. What it
            uses must be found and fit before anything else is looked at.
    """
    spec = expand(spec, folders, called)
    params, errors = bind_params(spec, overrides or {})
    scope = open_scope(spec, params, lost)
    scope.errors[:0] = errors
    scope.errors += check_names([statement.option for statement in spec.schedules])
    check_examples(scope)
    return _Builder(scope).graph()


def read_and_build(
    reference: str | os.PathLike[str],
    overrides: Mapping[str, int | float | str] | None = None,
    folders: Folders = (),
    called: Mapping[str, str] | None = None,
) -> Graph:
    """The typed graph of a spec by name, path or text, with all findings of the file in one error.

    Raises:
        SpecError: What could not be read, and what is wrong with the meaning of the rest.
    """
    try:
        return build(load(reference, folders=folders), overrides, (), folders, called)
    except UnfinishedSpec as error:
        if error.partial is None:
            raise
        try:
            build(error.partial, overrides, error.lost, folders)
        except SpecError as more:
            raise SpecError([*error.diagnostics, *more.diagnostics]) from None
        raise


def check(spec: sx.Spec, folders: Folders = ()) -> None:
    """Raises what :func:`build` would, and returns nothing."""
    build(spec, folders=folders)


class _Builder(Names, Operators, Calls, OrderStatistics, Integrals, Terms):
    """Walks the syntax twice: ranges first (see ``ranges.py``), then nodes."""

    def graph(self) -> Graph:
        scope, spec = self.scope, self.scope.spec
        if len(scope.order) > 1 and not self._nests_little():
            raise SpecError(scope.errors)
        for name in scope.order:
            self.ranges.definition(scope.definitions[name])
        for truth in scope.truths:
            self.ranges.definition(truth)
        for term in scope.terms.values():
            self.ranges.walk(term.body, {})
            self.ranges.settle(term.span)
        self.ranges.walk(spec.goal.body, {})
        self.ranges.settle(spec.goal.span)
        for name in scope.order:
            self.definitions[name] = self.definition(scope.definitions[name])
        truths = {t.name.id: self.definition(t) for t in scope.truths}
        self.build_terms()
        root = self.goal(spec.goal)
        self.ranges.report_missing()
        if not scope.errors:
            check_sizes(
                scope, [root, *(part for part in truths.values() if isinstance(part, Node))]
            )
        if scope.errors:
            raise SpecError(scope.errors)
        arrays = {name: value for name, value in truths.items() if isinstance(value, Node)}
        kind = "loss" if spec.goal.kind == "combine" else spec.goal.kind
        params = dict(scope.params)
        return Graph(spec, root, kind, arrays, params, self.make, tuple(self.calls))

    def _nests_little(self) -> bool:
        """Whether definitions that use definitions that use definitions come to an end soon."""
        levels: dict[str, int] = {}
        for name in self.scope.order:
            definition = self.scope.definitions[name]
            used = [levels[other] for other in uses_of(definition) if other in levels]
            levels[name] = 1 + max(used, default=0)
            if levels[name] > MOST_NESTED:
                self.scope.error(
                    definition.name.span,
                    "too-large",
                    f"over {MOST_NESTED} definitions stand one inside the other here",
                )
                return False
        return True

    def goal(self, goal: sx.Goal) -> Node:
        if goal.kind == "combine":
            return self.combine(goal)
        for term in self.scope.terms.values():
            message = f"term '{term.name.id}' is not used: the goal is `{goal.kind}`"
            hint = "`combine` weighs terms; `let` defines what other expressions use"
            self.scope.error(term.span, "bad-term", message, hint=hint)
        root = self.number(goal.body, {})
        if self.scope.errors or self.scope.lost:
            return root
        if not root.live:
            self.scope.error(
                goal.span,
                "not-live",
                f"the {goal.kind} expression depends on no live input",
                hint="declare the input `real`, not `target real`"
                if any(e.kind.type == "real" and e.kind.target for e in self.scope.spec.inputs)
                else None,
            )
        elif goal.kind == "loss" and not has_gradient(root):
            self.scope.error(
                goal.span,
                "not-live",
                "no gradient of this loss reaches a live input",
                hint="write `evaluate` or `minimize`: a decision in a loss is not relaxed"
                if root.decided
                else None,
            )
        elif goal.kind != "loss" and not root.decided:
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
            return self.make(
                "define", node, name=name, bound=bound, kind=node.kind, span=definition.name.span
            )

        name = definition.name.id
        if isinstance(value, tuple):
            return tuple(wrap(node, f"{name}_{place}") for place, node in enumerate(value))
        return wrap(value, name)

    # ------------------------------------------------------------------ indices

    def index(self, slot: Slot) -> Index:
        return self.make.index(slot.name, slot.extent or Extent(1))

    def index_value(self, slot: Slot, span: Span) -> Node:
        """The number that an index stands for: itself, or the member of ``values(group)``."""
        number = self.make.at_index(self.index(slot), span)
        if slot.values_of is not None:
            return self.make("at", self.input(slot.values_of), number, kind="int", span=span)
        return number

    def range_filter(self, slots: list[Slot], env: Env) -> Node:
        """What limits padded ranges: ``r <= m``, and the first of each of ``values(group)``."""
        parts = [self.make.const(True)]
        for slot in slots:
            here = self.make.at_index(self.index(slot), slot.span)
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
        return self.as_number(self.value(expr, env), expr)

    def as_number(self, value: Value, expr: sx.Expr) -> Node:
        """What an expression stands for, if it is a number."""
        node = self.as_scalar(value, expr)
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

    def otherwise(self, value: sx.Expr, default: sx.Expr, env: Env, span: Span) -> Value:
        """``value else default``, of numbers or of points, coordinate by coordinate."""
        sides: list[Value] = [self.value(value, env), self.value(default, env)]
        if not all(isinstance(side, tuple) for side in sides):
            sides = [
                self.as_number(side, e) for side, e in zip(sides, (value, default), strict=True)
            ]
        parts = [side if isinstance(side, tuple) else (side,) for side in sides]
        if len(parts[0]) != len(parts[1]):
            message = f"a point of {len(parts[0])} numbers, and a default of {len(parts[1])}"
            self.scope.error(span, "dim-clash", message)
            return self.placeholder
        made = tuple(
            self.make("else", a, b, kind=a.kind if a.kind == b.kind else "real", span=span)
            for a, b in zip(*parts, strict=True)
        )
        return made if isinstance(sides[0], tuple) else made[0]

    def scalar(self, expr: sx.Expr, env: Env) -> Node:
        return self.as_scalar(self.value(expr, env), expr)

    def as_scalar(self, value: Value, expr: sx.Expr) -> Node:
        """What an expression stands for, if it is no point."""
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
                return self.integral(expr, env) if expr.op in CENTRES else self.order(expr, env)
            case sx.Iverson(condition=inner):
                return self.make.iverson(self.condition(inner, env))
            case sx.Else(value=inner, default=default):
                return self.otherwise(inner, default, env, expr.span)
            case sx.Tuple(items=items):
                if len(items) > LONGEST_POINT:
                    return self.long_point(len(items), expr.span)
                return tuple(self.number(item, env) for item in items)
        raise AssertionError(f"unknown construct {type(expr).__name__}")
