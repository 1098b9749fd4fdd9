"""What each index ranges over: a dim that it subscripts, what it is compared with, or written."""

from __future__ import annotations

from lossc.compiler.front.scope import Scope, Slot, children
from lossc.compiler.ir.node import Extent
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span
from lossc.grammar.words import CENTRES

Env = dict[str, Slot]
LONGEST_RANGE = 4096


class Ranges:
    """The slots of every binder of a spec, found definition by definition."""

    def __init__(self, scope: Scope):
        self.scope = scope
        self.slots: dict[int, Slot] = {}  # by id() of the Binder, which outlives this object
        self.open: list[Slot] = []  # not settled yet
        self.without: list[tuple[Slot, Span]] = []  # no range, and the statement
        self.bounds: dict[str, str | int | None] = {}  # of definitions
        self.definition_slots: dict[str, list[Slot]] = {}
        self.value_extents: dict[str, Extent] = {}

    def binder(self, binder: sx.Binder, env: Env) -> Slot:
        """The slot of one binder, its written range translated."""
        slot = Slot(binder.name.id, binder.span, binder.range)
        self.slots[id(binder)] = slot
        self.open.append(slot)
        match binder.range:
            case sx.Interval(low=low, high=high):
                self._interval(slot, low, high, env)
            case sx.Call(name=sx.Name(id="values"), args=(sx.Name(id=of),)) if (
                of in self.scope.inputs
            ):
                dims = self.scope.inputs[of].kind.dims
                if self.scope.inputs[of].kind.type != "int" or len(dims) != 1:
                    self.scope.error(
                        binder.range.span,
                        "wrong-kind",
                        f"values() needs an int[n] input, '{of}' is not",
                    )
                else:
                    slot.extent, slot.values_of, slot.why = (
                        Extent(dims[0].size),
                        of,
                        binder.range.span,
                    )
            case sx.Name(id=dim) if dim in self.scope.dims:
                slot.extent, slot.why = Extent(dim), binder.range.span
            case None:
                pass
            case other:
                self.scope.error(
                    other.span,
                    "no-range",
                    "this is not a range",
                    expected="low..high, a dim, or values(input)",
                )
        return slot

    def _interval(self, slot: Slot, low: sx.Expr, high: sx.Expr, env: Env) -> None:
        start = self._integer(low)
        if start is None:
            self.scope.error(low.span, "no-range", "a range starts at a whole number")
            return
        slot.why = low.span.to(high.span)
        end = self._integer(high)
        if end is not None:
            if end - start >= LONGEST_RANGE:
                self.scope.error(
                    high.span,
                    "too-large",
                    f"a written range holds at most {LONGEST_RANGE:,} numbers",
                )
                end = start + LONGEST_RANGE - 1
            slot.extent = Extent(max(0, end - start + 1), start)
        elif isinstance(high, sx.Name) and high.id in self.scope.dims:
            slot.extent = Extent(high.id, start, 1 - start)
        else:
            size = self._bound(high, set())
            if size is None:
                self.scope.error(
                    high.span,
                    "no-range",
                    "no upper bound for this end of the range is known",
                    expected="a number, a dim, or a count over a dim",
                )
                return
            slot.extent, slot.upper = Extent(size, start, 1 - start), high
            self.walk(high, env)

    def _integer(self, expr: sx.Expr) -> int | None:
        if isinstance(expr, sx.Number) and isinstance(expr.value, int):
            return expr.value
        if isinstance(expr, sx.Name) and isinstance(self.scope.params.get(expr.id), int):
            return int(self.scope.params[expr.id])
        if isinstance(expr, sx.Negate):
            inner = self._integer(expr.value)
            return None if inner is None else -inner
        return None

    def _bound(self, expr: sx.Expr, seen: set[str]) -> str | int | None:
        """The dim that a number cannot exceed: a count over one index is at most its dim."""
        match expr:
            case sx.Name(id=name) if name in self.scope.definitions and name not in seen:
                if name not in self.bounds:
                    body = self.scope.definitions[name].body
                    self.bounds[name] = self._bound(body, seen | {name})
                return self.bounds[name]
            case sx.Reduction(op="count" | "sum", binders=(binder,)) if (
                expr.op == "count" or isinstance(expr.body, sx.Iverson)
            ):
                slot = self.slots.get(id(binder))
                extent = slot.extent if slot else None
                return extent.size if extent and (extent.low, extent.extra) == (0, 0) else None
            case sx.Call(name=sx.Name(id="min"), args=(left, right)):
                return self._bound(left, seen) or self._bound(right, seen)
            case sx.Name(id=name) if name in self.scope.dims:
                return name
        return None

    # ------------------------------------------------------------------ collecting

    def definition(self, definition: sx.Definition) -> None:
        """Infers all binders of one definition; the definitions that it uses are done already."""
        env: Env = {}
        slots = [self.binder(binder, env) for binder in definition.binders]
        if definition.kind == "truth":
            self._truth(definition, slots)
        for binder, slot in zip(definition.binders, slots, strict=True):
            if slot.name in env:
                self.scope.error(
                    binder.span, "duplicate", f"index '{slot.name}' is bound twice here"
                )
            env[slot.name] = slot
        self.definition_slots.setdefault(definition.name.id, slots)
        self.walk(definition.body, env)
        self.settle(definition.span)
        extent = self.value_extent(definition.body, env)
        if extent is not None:
            self.value_extents[definition.name.id] = extent

    def _truth(self, definition: sx.Definition, slots: list[Slot]) -> None:
        name = definition.name
        entry = self.scope.inputs.get(name.id)
        if entry is None or not entry.kind.live:
            self.scope.error(
                name.span,
                "unknown-name",
                f"truth gives ideal values of a live input; '{name.id}' is none",
            )
            return
        if len(slots) != len(entry.kind.dims):
            self.scope.error(
                definition.span,
                "wrong-arity",
                f"'{name.id}' has {len(entry.kind.dims)} dims, not {len(slots)}",
            )
            return
        for slot, dim in zip(slots, entry.kind.dims, strict=True):
            self.constrain(slot, Extent(dim.size), slot.span)

    def settle(self, statement: Span) -> None:
        """Gives compared-only indices the extent of what they meet; the rest has no range."""
        settled, self.open = self.open, []
        for slot in settled:
            if slot.extent is not None and slot.explicit is None:
                for extent, span, written in slot.weak:
                    if not written:  # a written range is one of ordinary numbers
                        self.constrain(slot, extent, span)
            if slot.extent is None and slot.weak:
                slot.extent, slot.why, _ = slot.weak[0]
                for extent, span, _ in slot.weak[1:]:
                    self.constrain(slot, extent, span)
            if slot.extent is None and slot.why is None:
                slot.why = slot.span
                self.without.append((slot, statement))

    def report_missing(self) -> None:
        """Says which indices have no range, but where another error is the reason."""
        if self.scope.lost:
            return  # what would have given it a range may stand where nothing was read
        places = [error.span.start for error in self.scope.errors if error.span is not None]
        for slot, statement in self.without:
            if any(statement.start <= place < statement.end for place in places):
                continue
            self.scope.error(
                slot.span,
                "no-range",
                f"index '{slot.name}' has no range",
                expected="a use as a subscript, a comparison `==` with an index, "
                "or a written range (i in p, i in 1..m)",
            )

    def constrain(self, slot: Slot, extent: Extent, span: Span) -> None:
        if slot.explicit is not None:
            return  # a written range wins: the subscript is then an ordinary number
        if slot.extent is None:
            slot.extent, slot.why = extent, span
        elif slot.extent != extent and all(map(self._is_declared, (slot.extent, extent))):
            where = f" (line {slot.why.line})" if slot.why else ""
            self.scope.error(
                span,
                "dim-clash",
                f"index '{slot.name}' ranges over {slot.extent}{where} and here over {extent}",
            )

    def _position(self, expr: sx.Order, env: Env) -> None:
        """The item whose rank or running sum is asked for is one of those that are ordered."""
        if (
            expr.op in ("sort", *CENTRES)
            or not isinstance(expr.at, sx.Name)
            or expr.at.id not in env
        ):
            return
        ordered = self.slots[id(expr.binders[0])]
        if ordered.extent is not None:
            written = ordered.explicit is not None
            env[expr.at.id].weak.append((ordered.extent, expr.at.span, written))

    def _subscripts(self, slot: Slot, extent: Extent | None, span: Span) -> None:
        """An index is a subscript of something; if of what has no range, that is said already."""
        if extent is not None:
            self.constrain(slot, extent, span)
        elif slot.why is None:
            slot.why = span

    def extents_of(self, name: str) -> list[Extent | None] | None:
        """What the subscripts of an input or a definition range over; ``None`` if it has none."""
        if name in self.scope.inputs:
            return [Extent(dim.size) for dim in self.scope.inputs[name].kind.dims]
        if name in self.definition_slots:
            return [slot.extent for slot in self.definition_slots[name]]
        return None

    def value_extent(self, expr: sx.Expr, env: Env) -> Extent | None:
        """The extent whose members an integer expression takes, where there is one."""
        match expr:
            case sx.Access(name=sx.Name(id=name)) | sx.Name(id=name):
                entry = self.scope.inputs.get(name)
                if entry is not None and entry.kind.below is not None:
                    return Extent(entry.kind.below.size)
                if name in env and isinstance(expr, sx.Name):
                    return env[name].extent
                return self.value_extents.get(name)
            case sx.Reduction(op="argmax" | "argmin", binders=(binder,)):
                slot = self.slots.get(id(binder))
                return slot.extent if slot else None
        return None

    def _same_range(self, expr: sx.Compare, env: Env) -> None:
        """Members of two dims are never equal in meaning."""
        sides = [self.value_extent(side, env) for side in (expr.left, expr.right)]
        if any(isinstance(side, sx.Name) and side.id in env for side in (expr.left, expr.right)):
            return  # an index: see settle()
        known = [e for e in sides if e is not None and self._is_declared(e)]
        if len(known) == 2 and known[0] != known[1]:
            self.scope.error(
                expr.span,
                "dim-clash",
                f"the left side is below {sides[0]} and the right side below {sides[1]}",
            )

    def _is_declared(self, extent: Extent) -> bool:
        return isinstance(extent.size, int) or extent.size in self.scope.dims

    def walk(self, expr: object, env: Env) -> None:
        """Notes what every index in ``expr`` subscripts or is compared with."""
        match expr:
            case sx.Access(name=name, indices=indices):
                extents = self.extents_of(name.id)
                for place, index in enumerate(indices):
                    if isinstance(index, sx.Name) and index.id in env:
                        if extents is not None and place < len(extents):
                            self._subscripts(env[index.id], extents[place], index.span)
                    else:
                        self.walk(index, env)
            case sx.Compare(op="==" | "!=", left=left, right=right):
                self.walk(left, env)
                self.walk(right, env)
                self._same_range(expr, env)
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, sx.Name) and one.id in env:
                        extent = self.value_extent(other, env)
                        met = env.get(other.id) if isinstance(other, sx.Name) else None
                        written = met is not None and met.explicit is not None
                        if extent is not None:
                            env[one.id].weak.append((extent, other.span, written))
            case sx.Reduction() | sx.Order():
                inner = dict(env)
                for binder in expr.binders:
                    inner[binder.name.id] = self.binder(binder, env)
                if len({b.name.id for b in expr.binders}) < len(expr.binders):
                    self.scope.error(expr.span, "duplicate", "an index is bound twice here")
                for part in (expr.filter, expr.body):
                    if part is not None:
                        self.walk(part, inner)
                if isinstance(expr, sx.Order):
                    self.walk(expr.at, inner if expr.op in CENTRES else env)
                    self._position(expr, env)
            case sx.Call():
                for arg in (*expr.args, *(value for _, value in expr.kwargs)):
                    self.walk(arg, env)
            case _:
                for child in children(expr):
                    self.walk(child, env)
