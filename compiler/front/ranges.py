"""What each index ranges over: a dim that it subscripts, what it is compared with, or written."""

from __future__ import annotations

from lossc.compiler.front.scope import Scope, Slot, children
from lossc.compiler.ir.node import Extent
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

Env = dict[str, Slot]


class Ranges:
    """The slots of every binder of a spec, found definition by definition."""

    def __init__(self, scope: Scope):
        self.scope = scope
        self.slots: dict[int, Slot] = {}  # by id() of the Binder, which outlives this object
        self.definition_slots: dict[str, list[Slot]] = {}
        self.value_extents: dict[str, Extent] = {}

    def binder(self, binder: sx.Binder, env: Env) -> Slot:
        """The slot of one binder, its written range translated."""
        slot = Slot(binder.name.id, binder.span, binder.range)
        self.slots[id(binder)] = slot
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
            if end - start >= 1_000_000:
                self.scope.error(
                    high.span, "too-large", "a written range holds at most 1,000,000 numbers"
                )
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
                return self._bound(self.scope.definitions[name].body, seen | {name})
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
        self.settle()
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

    def settle(self) -> None:
        """Gives compared-only indices the extent of what they meet; the rest has no range."""
        for slot in self.slots.values():
            if slot.extent is None and slot.weak:
                slot.extent, slot.why = slot.weak[0]
                for extent, span in slot.weak[1:]:
                    self.constrain(slot, extent, span)
            if slot.extent is None and slot.why is None:
                slot.why = slot.span
                if self.scope.lost:
                    continue  # what would have given it a range may stand where nothing was read
                self.scope.error(
                    slot.span,
                    "no-range",
                    f"index '{slot.name}' has no range",
                    expected="a use as a subscript, a comparison `==` with an index, "
                    "or a written range (i in 1..m)",
                )

    def constrain(self, slot: Slot, extent: Extent, span: Span) -> None:
        if slot.explicit is not None:
            return  # a written range wins: the subscript is then an ordinary number
        if slot.extent is None:
            slot.extent, slot.why = extent, span
        elif slot.extent != extent:
            where = f" (line {slot.why.line})" if slot.why else ""
            self.scope.error(
                span,
                "dim-clash",
                f"index '{slot.name}' ranges over {slot.extent}{where} and here over {extent}",
            )

    def extents_of(self, name: str) -> list[Extent] | None:
        """What the subscripts of an input or a definition range over."""
        if name in self.scope.inputs:
            return [Extent(dim.size) for dim in self.scope.inputs[name].kind.dims]
        if name in self.definition_slots:
            return [slot.extent or Extent(1) for slot in self.definition_slots[name]]
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

    def walk(self, expr: object, env: Env) -> None:
        """Notes what every index in ``expr`` subscripts or is compared with."""
        match expr:
            case sx.Access(name=name, indices=indices):
                extents = self.extents_of(name.id)
                for place, index in enumerate(indices):
                    if isinstance(index, sx.Name) and index.id in env:
                        if extents is not None and place < len(extents):
                            self.constrain(env[index.id], extents[place], index.span)
                    else:
                        self.walk(index, env)
            case sx.Compare(op="==" | "!=", left=left, right=right):
                self.walk(left, env)
                self.walk(right, env)
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, sx.Name) and one.id in env:
                        extent = self.value_extent(other, env)
                        if extent is not None:
                            env[one.id].weak.append((extent, other.span))
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
                    self.walk(expr.at, env)
            case sx.Call():
                for arg in (*expr.args, *(value for _, value in expr.kwargs)):
                    self.walk(arg, env)
            case _:
                for child in children(expr):
                    self.walk(child, env)
