"""Code for reductions over all that stands before or after a place: one pass for all places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align, beside, union
from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.node import Index, Node, conjuncts

_TURNED = {"le": "ge", "lt": "gt", "ge": "le", "gt": "lt"}
_RUNNING = {"sum": "running_sum", "max": "running_largest", "min": "running_smallest"}


@dataclass(frozen=True)
class _Run:
    """``op[index | rest and index <= place] factors``, the comparison being ``side``."""

    index: Index
    side: str
    place: Node
    rest: tuple[Node, ...]
    factors: tuple[Node, ...]


class Running(Part):
    """The part of the writer that knows cumulative sums, maxima and minima."""

    def running(self, node: Node) -> Value | None:
        """``sum[t | t <= r] x[t]`` for every r at once; ``None`` if the reduction is not such.

        Rewrite: max[t | t >= r] x[t]     ->  running_largest(x, backward=True)
        Rewrite: sum[t | t <= k[i]] x[t]  ->  running_sum(x), read at k[i]

        That takes one pass over t, and not one for every place.
        """
        run = _find(node)
        if run is None:
            return None
        body = self._product(run, node.op)
        mask = self._joined(run)
        if body is None:  # a count
            if mask is None:
                return None
            body, mask = mask, None
        axes = union(body, *([mask] if mask else []))
        if run.index not in axes or body.scalar:
            return None
        outer = tuple(axis for axis in axes if axis is not run.index)
        full = (*outer, run.index)
        batched = body.batched or bool(mask and mask.batched)
        if node.op != "sum":
            body = self.real(body)
        if mask is not None and body.kind == "bool":
            joined = f"{align(mask, full).inside(10)} & {align(body, full).inside(10)}"
            body, mask = Value(joined, full, "bool", level=10, batched=batched), None
        args = [align(body, full).code]
        if mask is not None:
            args.append(align(mask, full).code)
        if run.side in ("ge", "gt"):
            args.append("backward=True")
        direct = run.place.op == "index" and run.place.index.extent == run.index.extent
        if direct and run.side in ("lt", "gt"):
            args.append("strict=True")
        code = self.call(_RUNNING[node.op], *args)
        kind = "real" if body.kind == "real" else "int"
        value = Value(code, full, "real" if kind == "real" else "int", batched=batched)
        if direct:
            return replace(value, axes=(*outer, run.place.index))
        return self._read(self.assign("running", value), run, outer, node.op)

    def _read(self, run_value: Value, run: _Run, outer: tuple[Index, ...], op: str) -> Value:
        """The running value at a computed place."""
        place = self.value(run.place)
        low = run.index.extent.low
        shift = {"lt": -1, "gt": 1}.get(run.side, 0) - low
        if shift:
            sign = "+" if shift > 0 else "-"
            code = f"{place.inside(12)} {sign} {abs(shift)}"
            place = replace(place, code=code, level=12)
        result, lined_up = beside(run_value, outer, place)
        args = [lined_up, align(place, result).code, "0" if op == "sum" else "torch.nan"]
        if run.side in ("ge", "gt"):
            args.append("backward=True")
        code = self.call("running_at", *args)
        batched = run_value.batched or place.batched
        return Value(code, result, run_value.kind, batched=batched)

    def _product(self, run: _Run, op: str) -> Value | None:
        """The body; ``None`` for 1."""
        factors = [f for f in run.factors if not (f.op == "const" and f.value == 1)]
        if not factors:
            return None
        values = self.fitting(factors)
        if len(values) == 1:
            (value,) = values
            inner = factors[0]
            if op == "sum" and inner.op == "iverson" and not value.scalar:
                return self.value(inner.args[0])  # the sum of a mask is its count
            return value
        axes = union(*values)
        code = " * ".join(align(value, axes).inside(13 + (k > 0)) for k, value in enumerate(values))
        real = any(value.kind == "real" for value in values)
        batched = any(value.batched for value in values)
        return Value(code, axes, "real" if real else "int", level=13, batched=batched)

    def _joined(self, run: _Run) -> Value | None:
        """The rest of the filter as one mask."""
        if not run.rest:
            return None
        values = self.fitting(run.rest)
        if len(values) == 1:
            return values[0]
        axes = union(*values)
        code = " & ".join(
            align(value, axes).inside(11 if k else 10) for k, value in enumerate(values)
        )
        batched = any(value.batched for value in values)
        return Value(code, axes, "bool", level=10, batched=batched)


def _find(node: Node) -> _Run | None:
    """The comparison of the reduced index with a place that nothing else depends on."""
    if node.op not in _RUNNING or len(node.bound) != 1:
        return None
    (index,) = node.bound
    conditions = list(conjuncts(node.args[1])) if len(node.args) > 1 else []
    factors = [node.args[0]]
    if node.op == "sum":
        factors, inside = _factors(node.args[0])
        conditions += inside
    for number, condition in enumerate(conditions):
        found = _limit(condition, index)
        if found is None:
            continue
        side, place = found
        rest = conditions[:number] + conditions[number + 1 :]
        free = {axis for part in (*rest, *factors) for axis in part.indices}
        if index not in free or set(place.indices) <= free:
            continue
        if any(_is_plain(part) for part in rest):
            continue
        return _Run(index, side, place, tuple(rest), tuple(factors))
    return None


def _factors(body: Node) -> tuple[list[Node], list[Node]]:
    """The factors of a product, and the conditions among them."""
    if body.op == "mul":
        left, right = _factors(body.args[0]), _factors(body.args[1])
        return left[0] + right[0], left[1] + right[1]
    if body.op == "iverson":
        return [], list(conjuncts(body.args[0]))
    if body.op == "where" and body.args[2].op == "const" and body.args[2].value == 0:
        factors, conditions = _factors(body.args[1])
        return factors, [*conjuncts(body.args[0]), *conditions]
    return [body], []


def _limit(condition: Node, index: Index) -> tuple[str, Node] | None:
    """``index <= place`` as ("le", place), whichever way round it is written."""
    if condition.op not in _TURNED:
        return None
    for mine, other, side in (
        (condition.args[0], condition.args[1], condition.op),
        (condition.args[1], condition.args[0], _TURNED[condition.op]),
    ):
        whole = other.kind == "int" and index not in other.indices
        if mine.op == "index" and mine.index is index and whole and not may_be_undefined(other):
            return side, other
    return None


def _is_plain(condition: Node) -> bool:
    """A condition without an axis, which is a bool of Python and no mask."""
    return not condition.indices
