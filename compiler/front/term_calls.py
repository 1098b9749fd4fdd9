"""Terms that call another spec: which of its inputs gets what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lossc.compiler.front.building import Building
from lossc.compiler.front.params import bind_param, words_of
from lossc.compiler.ir.node import Extent, Node
from lossc.compiler.passes.comparisons import has_gradient
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.grammar.format_expression import expression
from lossc.grammar.layout import render
from lossc.grammar.source import Span

_KINDS = {"real": ("real", "int", "bool"), "int": ("int",), "bool": ("bool", "int")}


@dataclass(frozen=True)
class TermCall:
    """A term that another spec computes.

    Args:
        name: Of the term.
        spec: The other spec, with all that it uses.
        params: Values of its params.
        passed: Which of them follow a param of the caller.
    """

    name: str
    spec: sx.Spec
    params: Mapping[str, int | float | str]
    passed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Argument:
    """What an input gets: nothing, an array, or the coordinates of points."""

    parts: tuple[Node, ...]
    extents: tuple[Extent, ...]
    span: Span

    @property
    def kind(self) -> str:
        return self.parts[0].kind


class TermCalls(Building):
    """The part of the builder that knows calls of other specs."""

    if TYPE_CHECKING:
        calls: list[TermCall]

        def _array(self, expr: sx.Expr) -> _Whole | None: ...

    def spec_call(self, term: sx.Term, call: sx.Call) -> Node:
        """``name(prediction, target, param = 2)``: inputs by place or by name, params by name."""
        spec = term.called
        if spec is None:  # it was not found, and that has been said
            self.scope.lost.add(term.name.id)
            return self.placeholder
        before = len(self.scope.errors)
        params: dict[str, int | float | str] = {}
        passed: dict[str, str] = {}
        given = self._given(call, spec, params, passed)
        dims: dict[str, Extent] = {}
        arguments: list[Argument | None] = []
        for entry in spec.inputs:
            expr = given.get(entry.name.id)
            if expr is None:
                if entry.kind.default is None and len(self.scope.errors) == before:
                    self._missing(call, spec, entry)
                arguments.append(None)
                continue
            argument = self._argument(expr)
            if argument is not None:
                self._fit(call, entry, argument, dims)
                self._pass_ignored(entry, argument, params, passed)
            arguments.append(argument)
        if len(self.scope.errors) > before or self.scope.lost:
            return self.placeholder
        found = [each for each in arguments if each is not None]
        self.calls.append(TermCall(term.name.id, spec, params, passed))
        return self.make(
            "loss_of",
            *(part for each in found for part in each.parts),
            name=term.name.id,
            counts=tuple(0 if each is None else len(each.parts) for each in arguments),
            kinds=tuple(entry.kind.type for entry in spec.inputs),
            written=render(expression(call), None),
            kind="real",
            live=any(has_gradient(part) for each in found for part in each.parts),
            decided=False,
            span=call.span,
        )

    # ------------------------------------------------------------------ arguments

    def _given(
        self,
        call: sx.Call,
        spec: sx.Spec,
        params: dict[str, int | float | str],
        passed: dict[str, str],
    ) -> dict[str, sx.Expr]:
        """What is given for each input; notes values of params, and which are the caller's own."""
        inputs = [entry.name.id for entry in spec.inputs]
        declared = {param.name.id: param for param in spec.params}
        if len(call.args) > len(inputs):
            message = f"'{spec.name.id}' has {len(inputs)} inputs, not {len(call.args)}"
            self.scope.error(call.span, "bad-term", message, expected=shown(spec))
        given = dict(zip(inputs, call.args, strict=False))
        for key, expr in call.kwargs:
            if key in declared:
                own = expr.id if isinstance(expr, sx.Name) else ""
                value = self.scope.params.get(own, _literal(expr))
                if value is None:
                    message = f"param {key} of '{spec.name.id}' is a number, a text or a param"
                    self.scope.error(expr.span, "bad-term", message)
                    continue
                if own and not isinstance(value, str):
                    passed[key] = own
                words = words_of(spec, key) if isinstance(declared[key].default, str) else set()
                params[key], wrong = bind_param(declared[key], value, words)
                if wrong is not None:
                    self.scope.error(expr.span, wrong.rule, wrong.message, expected=wrong.expected)
            elif key in given:
                message = f"input '{key}' of '{spec.name.id}' is given twice"
                self.scope.error(expr.span, "bad-term", message)
            elif key in inputs:
                given[key] = expr
            else:
                known = [*inputs, *declared]
                message = f"'{spec.name.id}' has no input and no param '{key}'"
                hint = closest(key, known)
                self.scope.error(expr.span, "bad-term", message, expected=one_of(known), hint=hint)
        return given

    def _missing(self, call: sx.Call, spec: sx.Spec, entry: sx.Input) -> None:
        message = f"'{spec.name.id}' needs its input '{entry.name.id}'"
        self.scope.error(call.span, "bad-term", message, expected=shown(spec))

    def _argument(self, expr: sx.Expr) -> Argument | None:
        array = self._array(expr)
        if array is None:
            return None
        extents = array.extents
        if array.is_point:
            extents = (*extents, Extent(len(array.parts)))
        return Argument(array.parts, extents, expr.span)

    def _fit(
        self, call: sx.Call, entry: sx.Input, argument: Argument, dims: dict[str, Extent]
    ) -> None:
        """Whether an input can get an argument; notes what its dims stand for."""
        kind, name = entry.kind, f"input '{entry.name.id}' of '{call.name.id}'"
        node = argument.parts[0]
        if argument.kind not in _KINDS[kind.type]:
            message = f"{name} is {kind.type}, and this is {argument.kind}"
            self.scope.error(argument.span, "bad-term", message)
        elif not kind.live and any(map(has_gradient, argument.parts)):
            self.scope.error(
                argument.span,
                "bad-term",
                f"{name} is no live input, and this has a gradient",
                hint="detach it: `let fixed[i] = detach(name[i])`",
            )
        elif len(kind.dims) != len(argument.extents):
            wanted, count = len(kind.dims), len(argument.extents)
            message = f"{name} has {wanted} dim{'s' * (wanted != 1)}, and this has {count}"
            self.scope.error(argument.span, "bad-term", message, expected=f"`{_written(kind)}`")
        else:
            pairs = list(zip((dim.size for dim in kind.dims), argument.extents, strict=True))
            below = node.below if node.op == "input" else None
            if kind.below is not None and below is not None:
                pairs.append((kind.below.size, below))
            for size, extent in pairs:
                known = Extent(size) if isinstance(size, int) else dims.setdefault(size, extent)
                if known != extent:
                    where = f"{size} of '{call.name.id}' is {known}"
                    message = f"{name} ranges over {size}, and this over {extent}; {where}"
                    self.scope.error(argument.span, "bad-term", message)
                    return
            self._same_values(entry, argument, name)

    def _pass_ignored(
        self,
        entry: sx.Input,
        argument: Argument,
        params: dict[str, int | float | str],
        passed: dict[str, str],
    ) -> None:
        """A label that is passed on is ignored there where it is ignored here."""
        node, theirs = argument.parts[0], entry.kind.ignore
        own = self.scope.inputs[node.name].kind.ignore if node.op == "input" else None
        if own is not None and theirs is not None and theirs.id not in params:
            params[theirs.id] = self.scope.params[own.id]
            passed[theirs.id] = own.id

    def _same_values(self, entry: sx.Input, argument: Argument, name: str) -> None:
        """Whether the values of an input that is passed on are those that the other one takes."""
        node = argument.parts[0]
        if node.op != "input":
            return
        own, theirs = self.scope.inputs[node.name].kind, entry.kind
        if own.ignore is not None and theirs.ignore is None:
            message = f"{name} has no `ignore`, and '{node.name}' has"
            self.scope.error(argument.span, "bad-term", message)
        if theirs.below is not None and own.below is None:
            message = f"{name} is below {theirs.below.size}; nothing says that of '{node.name}'"
            hint = "declare its range: int[n] in p"
            self.scope.error(argument.span, "bad-term", message, hint=hint)
        if theirs.range is not None and (own.range is None or not within(own.range, theirs.range)):
            interval = " ".join(theirs.range.span.text.split())
            message = f"{name} takes numbers in {interval}; nothing says that of '{node.name}'"
            hint = f"declare its range: real[n] in {interval}"
            self.scope.error(argument.span, "bad-term", message, hint=hint)


if TYPE_CHECKING:
    from lossc.compiler.front.whole_arrays import Array as _Whole


def within(inner: sx.Range, outer: sx.Range) -> bool:
    """Whether every number of one interval is in another."""
    low = inner.low > outer.low or (
        inner.low == outer.low and (outer.closed_low or not inner.closed_low)
    )
    high = inner.high < outer.high or (
        inner.high == outer.high and (outer.closed_high or not inner.closed_high)
    )
    return low and high


def shown(spec: sx.Spec) -> str:
    """What a spec takes: ``average_precision(score: real[n], relevant: bool[n])``."""
    kinds = ", ".join(f"{entry.name.id}: {_written(entry.kind)}" for entry in spec.inputs)
    return f"{spec.name.id}({kinds})"


def _written(kind: sx.Kind) -> str:
    return " ".join(kind.span.text.split())


def _literal(expr: sx.Expr) -> int | float | str | None:
    match expr:
        case sx.Number(value=value) | sx.String(value=value):
            return value
        case sx.Negate(value=sx.Number(value=value)):
            return -value
    return None


def relaxed_as(spec: sx.Spec, caller: sx.Spec) -> sx.Spec:
    """A called spec with the surrogate of its caller in place of its own, slot by slot."""
    said = {each.slot.id for each in caller.surrogates}
    own = [each for each in spec.surrogates if each.slot.id not in said]
    return replace(spec, surrogates=(*own, *caller.surrogates))
