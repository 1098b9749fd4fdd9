"""The names of a spec: inputs, params, dims, definitions in dependency order; the first errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lossc.compiler.front.functions import FUNCTIONS, WHOLE_ARRAYS
from lossc.compiler.ir.graph import dependency_order
from lossc.compiler.ir.node import Extent
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of
from lossc.grammar.source import Span
from lossc.grammar.words import CENTRES


@dataclass
class Slot:
    """A binder whose extent is being inferred.

    Args:
        name: The index letter.
        span: Where it is bound.
        explicit: Its written range, if it has one.
        extent: What it ranges over, once known.
        why: Where that follows from, for the error of a clash.
        values_of: The input whose distinct values it takes (``g in values(group)``).
        upper: The written upper end, where the range ends at a computed number (``1..m``).
        weak: Extents of what it is compared with, used if it subscripts nothing, and whether that
            is an index with a written range.
    """

    name: str
    span: Span
    explicit: sx.Expr | sx.Interval | None = None
    extent: Extent | None = None
    why: Span | None = None
    values_of: str | None = None
    upper: sx.Expr | None = None
    weak: list[tuple[Extent, Span, bool]] = field(default_factory=list)


@dataclass
class Scope:
    """Everything that a spec declares, checked for duplicates and cycles."""

    spec: sx.Spec
    params: Mapping[str, int | float | str]
    inputs: dict[str, sx.Input] = field(default_factory=dict)
    dims: dict[str, Span] = field(default_factory=dict)
    definitions: dict[str, sx.Definition] = field(default_factory=dict)
    terms: dict[str, sx.Term] = field(default_factory=dict)
    truths: list[sx.Definition] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def error(self, span: Span, rule: str, message: str, **more: str | None) -> None:
        """Notes an error; the same place is reported once."""
        if not any(
            e.span is not None
            and (e.span.source.name, e.span.start, e.rule) == (span.source.name, span.start, rule)
            for e in self.errors
        ):
            self.errors.append(Diagnostic(span, rule, message, **more))

    def names(self) -> set[str]:
        return {*self.inputs, *self.params, *self.dims, *self.definitions}

    def unknown(self, span: Span, name: str, also: set[str]) -> None:
        """An L012 for a name that is nothing."""
        known = self.names() | also
        if name in self.lost:
            return  # its own statement is wrong, and that is reported already
        if name in self.terms:
            self.error(
                span,
                "bad-term",
                f"'{name}' is a term, which `combine` weighs and nothing else reads",
                hint="write `let` in place of `term`",
            )
        elif name in FUNCTIONS or name in WHOLE_ARRAYS:
            self.error(
                span, "unknown-name", f"'{name}' is a function: it needs arguments in parentheses"
            )
        else:
            self.error(
                span,
                "unknown-name",
                f"unknown name '{name}'",
                expected=one_of(known),
                hint=closest(name, known),
            )


def open_scope(
    spec: sx.Spec, params: Mapping[str, int | float | str], lost: Iterable[str] = ()
) -> Scope:
    """Declares every name of ``spec`` and sorts its definitions; collects errors, raises none.

    Args:
        spec: A parsed spec.
        params: Parameter values in force.
        lost: Names whose statements could not be read.
    """
    scope = Scope(spec, params, lost=set(lost))
    declared: dict[str, Span] = {}

    def declare(name: sx.Name, what: str) -> bool:
        if name.id in declared:
            where = declared[name.id].line
            scope.error(
                name.span, "duplicate", f"{what} '{name.id}' is already defined in line {where}"
            )
            return False
        declared[name.id] = name.span
        return True

    for entry in spec.inputs:
        if declare(entry.name, "input"):
            scope.inputs[entry.name.id] = entry
        for dim in entry.kind.dims:
            if isinstance(dim.size, str):
                scope.dims.setdefault(dim.size, dim.span)
            elif dim.size < 1:
                scope.error(dim.span, "dim-clash", f"a dim of size {dim.size} holds nothing")
        _check_size(scope, entry)
    for parameter in spec.params:
        declare(parameter.name, "param")
    for definition in spec.definitions:
        if definition.kind == "truth":
            scope.truths.append(definition)
        elif declare(definition.name, definition.kind):
            scope.definitions[definition.name.id] = definition
    for term in spec.terms:
        if declare(term.name, "term"):
            scope.terms[term.name.id] = term
    for name, span in scope.dims.items():
        if name in declared:
            scope.error(span, "duplicate", f"'{name}' is the name of a dim and of something else")
    for entry in spec.inputs:
        _check_kind(scope, entry)
    uses = {name: set(uses_of(d)) & set(scope.definitions) for name, d in scope.definitions.items()}
    scope.order, cycle = dependency_order(uses)
    while cycle:  # report it, do without its members, and look on
        first = scope.definitions[cycle[0]]
        path = " -> ".join([*cycle, cycle[0]])
        scope.error(first.name.span, "cycle", f"'{cycle[0]}' is defined through itself: {path}")
        scope.lost.update(cycle)
        for name in cycle:
            del scope.definitions[name], uses[name]
        uses = {name: used - set(cycle) for name, used in uses.items()}
        scope.order, cycle = dependency_order(uses)
    return scope


MOST_DIMS, LARGEST_DIM, MOST_ITEMS = 8, 65_536, 2**22


def _check_size(scope: Scope, entry: sx.Input) -> None:
    kind, name = entry.kind, entry.name.id
    fixed = [dim.size for dim in kind.dims if isinstance(dim.size, int)]
    for dim in (*kind.dims, *([kind.below] if kind.below else [])):
        if isinstance(dim.size, int) and dim.size > LARGEST_DIM:
            scope.error(dim.span, "too-large", f"a fixed dim is at most {LARGEST_DIM:,}")
    if len(kind.dims) > MOST_DIMS:
        scope.error(kind.dims[MOST_DIMS].span, "too-large", f"'{name}' has over {MOST_DIMS} dims")
    elif math.prod(fixed) > MOST_ITEMS and max(fixed) <= LARGEST_DIM:
        scope.error(
            kind.dims[0].span, "too-large", f"'{name}' has over {MOST_ITEMS:,} items, by its dims"
        )


def _check_kind(scope: Scope, entry: sx.Input) -> None:
    below, ignore = entry.kind.below, entry.kind.ignore
    if below is not None and entry.kind.type != "int":
        scope.error(
            below.span,
            "wrong-kind",
            f"'in' is for int inputs, and '{entry.name.id}' is {entry.kind.type}",
            hint="write an interval for real inputs: `in [0, 1]`"
            if entry.kind.type == "real"
            else None,
        )
    elif below is not None and isinstance(below.size, str) and below.size not in scope.dims:
        scope.error(
            below.span,
            "unknown-name",
            f"unknown dim '{below.size}'",
            expected=one_of(scope.dims),
            hint=closest(below.size, scope.dims),
        )
    if entry.kind.range is not None and entry.kind.type != "real":
        hint = "write `in p` for an index below p" if entry.kind.type == "int" else None
        message = f"an interval is for real inputs, and '{entry.name.id}' is {entry.kind.type}"
        scope.error(entry.kind.range.span, "wrong-kind", message, hint=hint)
    if ignore is not None and ignore.id not in scope.params:
        scope.unknown(ignore.span, ignore.id, set())


def uses_of(definition: sx.Definition) -> Iterator[str]:
    """Names that a definition mentions and does not bind."""
    bound = {binder.name.id for binder in definition.binders}
    for binder in definition.binders:
        if binder.range is not None:
            yield from free_names(binder.range, set())
    yield from free_names(definition.body, bound)


def free_names(node: object, bound: set[str]) -> Iterator[str]:
    """The free names of an expression, through every construct."""
    match node:
        case sx.Name(id=name):
            if name not in bound:
                yield name
        case sx.Reduction() | sx.Order():
            inner = bound | {binder.name.id for binder in node.binders}
            for binder in node.binders:
                if binder.range is not None:
                    yield from free_names(binder.range, bound)
            parts = [node.filter, node.body] + ([node.at] if isinstance(node, sx.Order) else [])
            for place, part in enumerate(parts):
                if part is not None:
                    outside = place == 2 and node.op not in CENTRES
                    yield from free_names(part, bound if outside else inner)
        case sx.Call():
            for arg in (*node.args, *(value for _, value in node.kwargs)):
                yield from free_names(arg, bound)
        case _:
            for child in children(node):
                yield from free_names(child, bound)


def children(node: object) -> tuple[object, ...]:
    """The sub-expressions of a construct that binds nothing."""
    match node:
        case sx.Access():
            return (node.name, *node.indices)
        case sx.Negate() | sx.Not():
            return (node.value,)
        case sx.Arithmetic() | sx.Compare() | sx.Logic():
            return (node.left, node.right)
        case sx.Interval():
            return (node.low, node.high)
        case sx.Iverson():
            return (node.condition,)
        case sx.Else():
            return (node.value, node.default)
        case sx.Tuple():
            return node.items
    return ()
