"""Code for mean positions under heatmaps, and for what terms need of whole arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align
from lossc.compiler.ir.node import Index, Kind, Node


class Integrals(Part):
    """The part of the writer that knows `softargmax`, `centroid`, weights and calls of specs."""

    #: How the losses of other specs are called, by term.
    called: Mapping[str, str]
    marginals: dict[tuple[Node, frozenset[Index], bool, frozenset[Index]], Value]

    if TYPE_CHECKING:
        dtype: str

        def name(self, wanted: str) -> str: ...

    def expected(self, node: Node) -> Value:
        """The sum of weights times positions; the weights of a map are computed once for all."""
        body, position = node.args
        place = self.value(position)
        mine = tuple(index for index in node.bound if index in place.axes)
        shares = self._marginal(node, body, mine)
        more = tuple(axis for axis in place.axes if axis not in shares.axes)
        outer = tuple(axis for axis in shares.axes if axis not in mine)
        inner = tuple(axis for axis in shares.axes if axis in mine)
        full = tuple(sorted((*outer, *more), key=lambda axis: axis.order)) + inner
        both = align(shares, full), align(self.real(place), full)
        weighed = f"{both[0].inside(13)} * {both[1].inside(14)}"
        if inner:
            over = str(tuple(range(-len(inner), 0))) if len(inner) > 1 else "-1"
            weighed = f"({weighed}).sum({over})"
        axes = full[: len(full) - len(inner)]
        value = Value(weighed, axes, "real", level=20 if inner else 13)
        sizes = [self.factor(i.extent) for i in node.bound if isinstance(i.extent.size, str)]
        if node.attr("softmax") and sizes:
            code = self.call("undefined_over_nothing", value.code, " * ".join(sizes))
            value = replace(value, code=code, level=20)
        return value

    def _marginal(self, node: Node, body: Node, mine: tuple[Index, ...]) -> Value:
        """The weights, summed over the indices that the position does not speak of."""
        bound, softmax = node.bound, bool(node.attr("softmax"))
        key = (body, frozenset(bound), softmax, frozenset(mine))
        if key in self.marginals:
            return self.marginals[key]
        weights = self._weights(body, bound, softmax)
        gone = [axis for axis in weights.axes if axis in bound and axis not in mine]
        if gone:
            dims = tuple(weights.axes.index(axis) - len(weights.axes) for axis in gone)
            over = str(dims[0]) if len(dims) == 1 else str(dims)
            axes = tuple(axis for axis in weights.axes if axis not in gone)
            weights = self.assign("marginal", Value(f"{weights.atom}.sum({over})", axes, "real"))
        self.marginals[key] = weights
        return weights

    def _weights(self, body: Node, bound: tuple[Index, ...], softmax: bool) -> Value:
        value = self.real(self.value(body))
        outer = tuple(axis for axis in value.axes if axis not in bound)
        value = align(value, outer + tuple(axis for axis in value.axes if axis in bound))
        if not softmax:
            return self.named(value, "mass", 24)
        key = (body, frozenset(bound), softmax, frozenset(bound))
        if key not in self.marginals:
            code = self.call("softmax_over", value.code, str(len(bound)))
            self.marginals[key] = self.assign("shares", replace(value, code=code, level=20))
        return self.marginals[key]

    def balance(self, node: Node) -> Value:
        """The weight of a pair: 1 over its mean error."""
        errors = []
        for arg in node.args:
            value = self.value(arg)
            if not value.code.isidentifier():  # its square is summed as well
                value = self.values[arg] = self.assign("error", value)
            errors.append(self._tensor_of(value))
        return Value(self.call("balancing_weight", *errors), (), "real")

    def loss_of(self, node: Node) -> Value:
        """The loss of another spec, of inputs and definitions as wholes."""
        counts, kinds = node.attr("counts"), node.attr("kinds")
        assert isinstance(counts, tuple) and isinstance(kinds, tuple)
        arguments, parts = [], list(node.args)
        for count, kind in zip(counts, kinds, strict=True):
            taken, parts = parts[:count], parts[count:]
            arrays = [self._whole(part, kind) for part in taken]
            if not arrays:
                arguments.append("None")
            elif len(arrays) == 1:
                arguments.append(arrays[0])
            else:
                stacked = f"torch.stack([{', '.join(arrays)}], -1)"
                arguments.append(self.assign("points", Value(stacked, (), "real")).code)
        while arguments[-1] == "None":
            arguments.pop()
        return Value(f"{self.called[node.name]}({', '.join(arguments)})", (), "real")

    def _whole(self, array: Node, kind: Kind) -> str:
        """An array with all of its axes, in the order in which its spec has them."""
        if array.op == "input":
            value = Value(self.names[array.name], (), array.kind)
        else:
            own = self.value(array)
            value = align(own, array.bound)
            if set(own.axes) != set(array.bound) or own.scalar:
                sizes = ", ".join(self.size(index.extent) for index in array.bound)
                code = self._tensor_of(value)
                value = Value(f"{code}.expand({sizes or '()'})", (), array.kind)
        if kind == "real":
            value = self.real(value)
        if not value.code.isidentifier():
            value = self.assign("whole", value)
        return value.code

    def _tensor_of(self, value: Value) -> str:
        return f"{self.anchor}.new_tensor({value.code})" if value.scalar else value.atom
