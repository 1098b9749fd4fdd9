"""The metric of relaxed binaries: its method, and the statement that sets its temperature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.value import Value, align
from lossc.compiler.emit.writer import Writer
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.verify import RELAXED, verify
from lossc.compiler.plan import Plan
from lossc.compiler.relaxed.norms import Norm
from lossc.compiler.relaxed.relax import is_linear, relaxed

_ROW_NAMES = {
    ("ones", False): "wins",
    ("ones", True): "losses",
    ("every", False): "every",
    ("every", True): "every_against",
    ("some", False): "some",
    ("some", True): "some_against",
    ("logs", False): "logs",
}


class RelaxedMetric:
    """The part of ``Methods`` for interpolations that put relaxed binaries into the metric."""

    plan: Plan
    signature: Signature

    if TYPE_CHECKING:

        @property
        def paired(self) -> bool: ...
        def kind_of_family(self, number: int) -> str: ...
        def writer(
            self,
            special: Callable[[Node], Value | None] | None = None,
            taken: set[str] | None = None,
            by_groups: bool = False,
        ) -> Writer: ...
        def method(
            self, name: str, arguments: list[str], returns: str, doc: str, body: list[str]
        ) -> list[str]: ...
        def _back(self, writer: Writer, value: Value) -> Value: ...
        def _tensor(self, value: Value) -> str: ...

    @property
    def live(self) -> str:
        """The live inputs, as a tuple."""
        live = [
            self.signature.inputs[entry.name.id]
            for entry in self.signature.spec.inputs
            if entry.kind.live
        ]
        comma = "," if len(live) == 1 else ""
        return f"({', '.join(live)}{comma})"

    def warming(self) -> str:
        """The statement that makes the temperature follow the spread of the comparisons."""
        fixed = [
            f"families[{number}]"
            for number, row in enumerate(self.plan.families)
            if not (row.family.left.live and row.family.right.live)
        ]
        scores = "()" if len(fixed) == len(self.plan.families) else self.live
        given = [scores, "self.squash"]
        if fixed:
            given.append(f"({', '.join(fixed)}{',' if len(fixed) == 1 else ''})")
        return f"temperature = auto_temperature({', '.join(given)})"

    def relaxed_metric(
        self, norm: Norm, step: str, follows: bool = False, bound: bool = False
    ) -> list[str]:
        """The metric of relaxed binaries.

        Args:
            norm: What and, or, all and any become.
            step: The runtime function that relaxes comparisons of counts.
            follows: Whether the temperature follows the scores. That of counts is 1 then, and
                never more: counts do not have the units of the scores.
            bound: Whether the result must be a lower bound.

        Raises:
            SpecError: Something in the metric has no relaxation.
        """
        root = relaxed(self.plan.root, self.plan.graph.make, norm, self.plan.families, bound)
        verify(root, "relaxed", RELAXED)
        lines: list[str] = []
        warmth = "1.0" if follows else "min(self.temperature, 1.0)"
        taken: dict[tuple[object, ...], str] = {}

        def special(node: Node) -> Value | None:
            if node.op == "temperature":
                return Value(warmth, (), "real", scalar=True)
            if node.op == "risen":
                margin = writer.real(writer.value(node.args[0]))
                if len(node.args) == 2:
                    level = align(writer.value(node.args[1]), margin.axes)
                    upwards = str(node.attr("upwards"))
                    args = (margin.code, level.code, upwards, step, warmth)
                    return Value(writer.call("risen_by_ratio", *args), margin.axes, "real")
                code = writer.call("risen", margin.code, str(node.attr("whole")), step, warmth)
                return Value(code, margin.axes, "real")
            if node.op == "capped":
                inner = writer.real(writer.value(node.args[0]))
                cap = align(writer.value(node.args[1]), inner.axes)
                code = writer.call("capped", inner.code, cap.code, step, warmth)
                return Value(code, inner.axes, "real")
            if node.op == "between":
                base, where = node.args
                table = Value(writer.names.get(base.name, ""), (), base.kind)
                if base.op == "define":
                    table = writer.value(base)
                table, place = writer.real(table), writer.real(writer.value(where))
                code = writer.call("read_between", table.code, place.code, str(node.attr("low")))
                return Value(code, place.axes, "real")
            if node.op not in ("ones", "every", "some", "logs"):
                return None
            key = (node.op, node.family, node.against)
            if key not in taken:
                taken[key] = f"{_ROW_NAMES[node.op, node.against]}{node.family + 1}"
                function = self._row_function(node, norm, bound and not is_linear(root), bound)
                against = ", against=True" if node.against else ""
                number = node.family
                lines.append(
                    f"{taken[key]} = {function}(families[{number}], relaxed[{number}]{against})"
                )
            return Value(taken[key], node.letters, "real")

        count = len(self.plan.families)
        numbers = range(1, count + 1)
        names = {f"{name}{number}" for name in _ROW_NAMES.values() for number in numbers}
        writer = self.writer(special=special, taken=names, by_groups=True)
        (value,) = writer.write(root)
        value = self._back(writer, writer.real(value))
        body = [*lines, *writer.lines, f"return self.defined({self._tensor(value)})"]
        kinds, bits = "Family, ...", "Tensor, ..."
        if self.paired and not bound:
            found = [self.kind_of_family(number) for number in range(count)]
            kinds = ", ".join(found)
            bits = ", ".join("RelaxedPairs" if k == "PairFamily" else "Tensor" for k in found)
        arguments = [f"relaxed: tuple[{bits}]", f"families: tuple[{kinds}]"]
        arguments += self.signature.plain()
        doc = "Relaxed binaries in the metric itself"
        doc += ": a lower bound of it." if bound else f", by the t-norm `{norm.name}`."
        return self.method("relaxed_metric", arguments, "Tensor", doc, body)

    def _row_function(self, node: Node, norm: Norm, clamped: bool, bound: bool) -> str:
        """The runtime function that gives a count, or what a row is by a t-norm."""
        paired = self.plan.pairs[node.family] is not None and not bound
        if node.op == "ones":
            return "pair_counts" if paired else "counts_from_below" if clamped else "relaxed_counts"
        if node.op == "logs":
            return "log_product_of_pairs" if paired else "log_product_of_rows"
        if node.op == "every":
            return norm.of_pairs if paired else norm.of_rows
        return norm.some_of_pairs if paired else norm.some_of_rows
