"""Code for reductions: axes are lined up, filtered, and reduced from the right."""

from __future__ import annotations

from dataclasses import replace

from lossc.compiler.emit.grouped import Grouped
from lossc.compiler.emit.part import LONG
from lossc.compiler.emit.running import Running
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.front.properties import stays_small
from lossc.compiler.ir.node import Kind, Node


class Reductions(Running, Grouped):
    """The part of the writer that removes axes."""

    def reduction(self, node: Node) -> Value:
        """``op[bound | filter] body``."""
        running = self.running(node)
        if running is not None:
            return running
        grouped = self.grouped(node)
        if grouped is not None:
            return grouped
        counted = node.args[0]
        if node.op == "sum" and counted.op == "iverson" and not self.value(counted.args[0]).scalar:
            counted = counted.args[0]  # the sum of a mask is its count
        body, *filters = self.fitting((counted, *node.args[1:]))
        where = self.mask(filters[0]) if filters else None
        if node.op not in ("sum", "mean"):
            where = self._spread(node, body, where)
        if body.scalar and (body.kind == "real" or node.op in ("min", "max", "logsumexp")):
            # torch takes a lone Python number beside a mask for a float32
            body = replace(body, code=f"{self.anchor}.new_tensor({body.code})", scalar=False)
        axes = union(body, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis not in node.bound)
        inner = tuple(axis for axis in axes if axis in node.bound)
        missing = [index for index in node.bound if index not in axes]
        batched = body.batched or (where is not None and where.batched)
        if missing and not inner and where is None and body.scalar and node.op in ("sum", "mean"):
            value = body
        else:
            full, dims = outer + inner, tuple(range(-len(inner), 0))
            lined_up = [align(value, full) for value in (body, where) if value is not None]
            lined_up = self.shortened(lined_up)
            mask = lined_up[1] if where else None
            code, kind = self._reduced(node, lined_up[0], mask, dims)
            value = Value(code, outer, kind, batched=batched)
        if node.op != "sum":
            return value
        for index in missing:  # a sum over an index that the body does not have repeats it
            code = f"{value.inside(13)} * {self.factor(index.extent)}"
            value = replace(value, code=code, level=13)
        return value

    def _spread(self, node: Node, body: Value, where: Value | None) -> Value | None:
        """The filter, with an axis for each index that neither it nor the body speaks of."""
        for index in node.bound:
            if index in union(body, *([where] if where else [])):
                continue
            here = self.range(index)
            whole = replace(here, code=f"{here.code} >= {index.extent.low}", kind="bool", level=7)
            if where is not None:
                axes = union(where, whole)
                code = f"{align(where, axes).inside(10)} & {align(whole, axes).inside(11)}"
                whole = replace(where, code=code, axes=axes, level=10)
            where = whole
        return where

    def _reduced(
        self, node: Node, body: Value, where: Value | None, dims: tuple[int, ...]
    ) -> tuple[str, Kind]:
        op = node.op
        over = str(dims[0]) if len(dims) == 1 else str(dims)
        if op in ("any", "all"):
            if where is not None:
                joined = (
                    f"{where.inside(10)} & {body.inside(10)}"
                    if op == "any"
                    else f"{body.inside(8)} | ~{where.inside(14)}"
                )
                body = replace(body, code=joined, level=10 if op == "any" else 8, scalar=False)
                body = self.named(body, "asked")
            return (f"{body.atom}.{op}({over})" if dims else body.code), "bool"
        if op == "sum":
            return self._sum(body, where, over, dims)
        if op == "mean":
            body = self.real(body)
            if where is not None:
                return self._mean(node, body, where, over, dims), "real"
            return (f"{body.atom}.mean({over})" if dims else body.atom), "real"
        if op == "logsumexp":
            body = self.real(body)
            if where is not None:
                return self.call("log_sum", body.code, where.code, str(dims)), "real"
            return f"{body.atom}.logsumexp({over})", "real"
        if op == "prod":
            if body.kind == "int" and not body.scalar and not stays_small(node.args[0]):
                body = replace(body, code=f"{body.atom}.double()", kind="real", level=20)
                self.widened = True
            if where is not None:
                body = replace(body, code=f"torch.where({where.code}, {body.code}, 1)", level=20)
            code = body.atom
            for _ in dims:
                code += ".prod(-1)"
            return code, body.kind
        name = "largest" if op == "max" else "smallest"
        code = self.call(name, self.real(body).code, where.code if where else "None", str(dims))
        return code, "real"

    def _mean(self, node: Node, body: Value, where: Value, over: str, dims: tuple[int, ...]) -> str:
        total, _ = self._sum(body, where, over, dims)
        count = self._selected(node, dims)
        if len(total) + len(count) > LONG:
            total = self.assign("total", Value(total, (), "real")).code
            count = self.assign("count", Value(count, (), "int")).code
        return self.call("divide", total, count)

    def _selected(self, node: Node, dims: tuple[int, ...]) -> str:
        """How many values a filter selects, lined up with the reduced body."""
        mask = self.mask(self.value(node.args[1]))
        both = union(self.value(node.args[0]), mask)
        outer = tuple(axis for axis in both if axis not in node.bound)
        kept = tuple(axis for axis in outer if axis in mask.axes)
        inner = tuple(axis for axis in both if axis in node.bound and axis in mask.axes)
        code = align(mask, kept + inner).atom
        if inner:
            over = str(tuple(range(-len(inner), 0))) if len(inner) > 1 else "-1"
            code += f".sum({over})"
        count = align(Value(code, kept, "int", batched=mask.batched), outer)
        for index in both:  # a filter that does not speak of an index selects all of it
            if index in node.bound and index not in mask.axes:
                code = f"{count.inside(13)} * {self.factor(index.extent)}"
                count = replace(count, code=code, level=13)
        return count.code

    def _sum(
        self, body: Value, where: Value | None, over: str, dims: tuple[int, ...]
    ) -> tuple[str, Kind]:
        kind: Kind = "int" if body.kind == "bool" else body.kind
        if where is not None:
            if body.scalar and body.code == "1":
                body, kind = where, "int"
            elif body.kind == "bool":
                body = replace(body, code=f"{where.inside(10)} & {body.inside(10)}", level=10)
            else:
                body = replace(
                    body, code=f"torch.where({where.code}, {body.code}, 0)", level=20, scalar=False
                )
            body = self.named(body, "chosen")
        if dims:
            return f"{body.atom}.sum({over})", kind
        return (f"{body.atom}.long()" if body.kind == "bool" else body.atom), kind
