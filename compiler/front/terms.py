"""Building terms, and how `combine` weighs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING

from lossc.compiler.front.building import Building
from lossc.compiler.front.distances import ADAPTIVE, PAIRS
from lossc.compiler.front.functions import FUNCTIONS, WHOLE_ARRAYS
from lossc.compiler.front.scope import free_names
from lossc.compiler.front.term_calls import TermCall, TermCalls
from lossc.compiler.front.weightings import Weighting, known_weightings, read_weighting
from lossc.compiler.front.whole_arrays import Pair
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import has_gradient
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.grammar.format_expression import expression
from lossc.grammar.layout import render
from lossc.grammar.source import Span

MOST_TERMS = 64
_FORMS = "a sum such as `1.0 * plane + weight * volume`, `adaptive(...)`, or a named weighting"


@dataclass(frozen=True)
class Group:
    """Terms that are weighed together.

    Args:
        members: How many there are; they follow those of the group before.
        weighting: What weighs them; ``None``: each has a weight of its own.
    """

    members: int
    weighting: Weighting | None = None


@dataclass
class _Item:
    """A part of `combine`: a weight, and what it weighs."""

    weight: Node
    what: sx.Expr


class Terms(TermCalls, Building):
    """The part of the builder that knows `term` and `combine`."""

    if TYPE_CHECKING:

        def adaptive_pairs(self, call: sx.Call) -> list[tuple[Pair, Node, Node]]: ...

    def build_terms(self) -> None:
        """The value of every term, in ``self.terms``; calls of other specs, in ``self.calls``."""
        self.terms: dict[str, Node] = {}
        self.calls: list[TermCall] = []
        if len(self.scope.spec.terms) > MOST_TERMS:
            span = self.scope.spec.terms[MOST_TERMS].span
            self.scope.error(span, "too-large", f"a spec has at most {MOST_TERMS} terms")
        for term in self.scope.terms.values():
            before = len(self.scope.errors)
            node = self._term(term)
            if len(self.scope.errors) == before and not self.scope.lost and not has_gradient(node):
                self.scope.error(
                    term.span,
                    "not-live",
                    f"no gradient of term '{term.name.id}' reaches a live input",
                    hint="a metric is a term as a spec of its own: "
                    f"`term {term.name.id} = average_precision(score, relevant)`"
                    if node.decided
                    else None,
                )
            self.terms[term.name.id] = self.make(
                "define", node, name=term.name.id, bound=(), kind=node.kind, span=term.name.span
            )

    def _term(self, term: sx.Term) -> Node:
        body = term.body
        if isinstance(body, sx.Call) and is_spec_call(body):
            return self.spec_call(term, body)
        return self.number(body, {})

    # ------------------------------------------------------------------ combine

    def combine(self, goal: sx.Goal) -> Node:
        """The value of `combine`: a node with all values and weights."""
        names: list[str] = []
        values: list[Node] = []
        weights: list[Node] = []
        groups: list[Group] = []
        for item in self._items(goal.body, self.make.const(1)):
            what = item.what
            if isinstance(what, sx.Name):
                if self._once(what, names):
                    names.append(what.id)
                    values.append(self.terms[what.id])
                    weights.append(item.weight)
                    groups.append(Group(1))
            elif isinstance(what, sx.Call) and what.name.id == ADAPTIVE:
                for pair, value, weight in self.adaptive_pairs(what):
                    name = self._free(pair.name, names)
                    names.append(name)
                    values.append(self.make("define", value, name=name, bound=(), span=pair.span))
                    weights.append(self.make.arithmetic("mul", item.weight, weight, pair.span))
                    groups.append(Group(1))
            elif isinstance(what, sx.Call):
                members = self._members(what, names)
                weighting = read_weighting(what, self.scope)
                if members and weighting is not None:
                    names += members
                    values += [self.terms[name] for name in members]
                    weights.append(item.weight)
                    groups.append(Group(len(members), weighting))
        self._report_unused(goal, names)
        if self.scope.errors or not values:
            return self.placeholder
        return self.make(
            "combine",
            *values,
            *weights,
            names=tuple(names),
            groups=tuple(groups),
            written=render(expression(goal.body), None),
            kind="real",
            span=goal.span,
        )

    def _once(self, name: sx.Name, names: list[str]) -> bool:
        if name.id not in names:
            return True
        message = f"term '{name.id}' is weighed twice"
        self.scope.error(name.span, "bad-term", message, expected="each term once in `combine`")
        return False

    def _free(self, name: str, names: list[str]) -> str:
        """A name for a pair: that of its prediction, with a number behind where it is taken."""
        fresh, number = name, 2
        while fresh in names or fresh in self.scope.terms:
            fresh, number = f"{name}_{number}", number + 1
        return fresh

    def _members(self, call: sx.Call, names: list[str]) -> list[str]:
        found: list[str] = []
        for arg in call.args:
            if not isinstance(arg, sx.Name) or arg.id not in self.scope.terms:
                if isinstance(arg, sx.Name):
                    self._unknown_term(arg)
                else:
                    self.scope.error(
                        arg.span,
                        "bad-term",
                        f"{call.name.id}() takes terms by name",
                        hint="give it a name: `term name = ...`",
                    )
                return []
            if not self._once(arg, [*names, *found]):
                return []
            found.append(arg.id)
        if len(found) < 2:
            message = f"{call.name.id}() weighs terms against each other, and here is {len(found)}"
            self.scope.error(call.span, "bad-term", message, expected="two terms at least")
            return []
        return found

    def _unknown_term(self, name: sx.Name) -> None:
        if name.id in self.scope.lost:
            return
        terms = self.scope.terms
        known = name.id in self.scope.names()
        message = f"'{name.id}' is no term" if known else f"unknown term '{name.id}'"
        hint = closest(name.id, terms)
        if name.id in self.scope.definitions and not hint:
            hint = f"`term` in place of `let` makes one of '{name.id}', if it is a number"
        expected = one_of(terms) if terms else "a name that a `term` statement defines"
        self.scope.error(name.span, "bad-term", message, expected=expected, hint=hint)

    def _report_unused(self, goal: sx.Goal, names: list[str]) -> None:
        if self.scope.errors:
            return
        for name, term in self.scope.terms.items():
            if name not in names:
                message = f"term '{name}' is not used"
                hint = "weigh it in `combine`, or write `let` if other definitions use it"
                self.scope.error(term.name.span, "bad-term", message, hint=hint)

    # ------------------------------------------------------------------ sums

    def _items(self, expr: sx.Expr, weight: Node) -> list[_Item]:
        """What a weighted sum consists of, each part with its weight."""
        make = self.make
        if isinstance(expr, sx.Name) and expr.id in self.scope.terms:
            return [_Item(weight, expr)]
        if isinstance(expr, sx.Call) and expr.name.id == ADAPTIVE:
            return [_Item(weight, expr)]
        if isinstance(expr, sx.Call) and expr.name.id not in (*FUNCTIONS, *PAIRS):
            if expr.name.id in known_weightings():
                return [_Item(weight, expr)]
            self._unknown_weighting(expr)
            return []
        match expr:
            case sx.Negate(value=value):
                return self._items(value, make("neg", weight, kind=weight.kind, span=expr.span))
            case sx.Arithmetic(op="+" | "-", left=left, right=right):
                other = weight
                if expr.op == "-":
                    other = make("neg", weight, kind=weight.kind, span=right.span)
                return [*self._items(left, weight), *self._items(right, other)]
            case sx.Arithmetic(op="*" | "/", left=left, right=right):
                return self._scaled(expr, left, right, weight)
        if isinstance(expr, sx.Name) and not self._speaks(expr):
            self._unknown_term(expr)
            return []
        message = (
            "`combine` is a weighted sum of terms, and this is none"
            if self._speaks(expr)
            else "this part of `combine` has no term in it"
        )
        hint = "what is computed of arrays is a `term`; `loss` takes any expression"
        self.scope.error(expr.span, "bad-term", message, expected=_FORMS, hint=hint)
        return []

    def _scaled(
        self, expr: sx.Arithmetic, left: sx.Expr, right: sx.Expr, weight: Node
    ) -> list[_Item]:
        speak = self._speaks(left), self._speaks(right)
        if all(speak) or (speak[1] and expr.op == "/"):
            message = (
                "`combine` is a weighted sum of terms: it has no products or quotients of them"
            )
            self.scope.error(expr.span, "bad-term", message, expected=_FORMS)
            return []
        if not any(speak) and isinstance(right, sx.Name) and right.id not in self.scope.names():
            self._unknown_term(right)
            return []
        terms, factor = (right, left) if speak[1] else (left, right)
        node = self.number(factor, {})
        if node.live:
            message = "a weight does not depend on scores"
            hint = "`adaptive`, or a named weighting, weighs by the errors themselves"
            self.scope.error(factor.span, "bad-term", message, hint=hint)
            return []
        op = "mul" if expr.op == "*" else "div"
        return self._items(terms, self.make.arithmetic(op, weight, node, expr.span))

    def _unknown_weighting(self, call: sx.Call) -> None:
        known = [ADAPTIVE, *known_weightings()]
        self.scope.error(
            call.name.span,
            "unknown-name",
            f"unknown weighting '{call.name.id}'",
            expected=one_of(known),
            hint=closest(call.name.id, known),
        )

    def _speaks(self, expr: sx.Expr) -> bool:
        """Whether a term, a pair or a weighting occurs in an expression."""
        if not self.scope.terms.keys().isdisjoint(free_names(expr, set())):
            return True
        return any(name in (ADAPTIVE, *known_weightings()) for name in _called(expr))


def is_spec_call(call: sx.Call) -> bool:
    """Whether a term calls another spec, and no function."""
    return call.name.id not in (*FUNCTIONS, *WHOLE_ARRAYS)


def _called(node: object) -> list[str]:
    """The names of all functions that an expression calls."""
    found, stack = [], [node]
    while stack:
        here = stack.pop()
        if isinstance(here, sx.Call):
            found.append(here.name.id)
        if isinstance(here, tuple):
            stack.extend(here)
        elif is_dataclass(here) and not isinstance(here, Span):
            stack.extend(getattr(here, each.name) for each in fields(here))
    return found


def written_params(params: Mapping[str, int | float | str]) -> str:
    """``gamma = 2, modulate = "both"``."""
    return ", ".join(
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"
        for name, value in params.items()
    )
