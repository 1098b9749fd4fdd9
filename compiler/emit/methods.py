"""The methods of a generated metric: each stage by itself, so that each can be read and tested."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

from lossc.compiler.emit.fused import Fused
from lossc.compiler.emit.ideal_scores import IdealScores
from lossc.compiler.emit.items import item_number
from lossc.compiler.emit.pair_families import PairFamilies
from lossc.compiler.emit.relaxed_metric import RelaxedMetric
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import WIDTH, definition, indented, quoted, wrapped
from lossc.compiler.emit.value import Value, align
from lossc.compiler.emit.writer import Writer
from lossc.compiler.front.calls import may_be_undefined
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.text import text
from lossc.compiler.plan import Plan
from lossc.compiler.refactor.rows import RowFamily


class Methods(IdealScores, PairFamilies, RelaxedMetric):
    """Writes the body of each method from the plan."""

    def __init__(self, plan: Plan, signature: Signature):
        self.plan, self.signature = plan, signature

    def writer(
        self,
        special: Callable[[Node], Value | None] | None = None,
        taken: set[str] | None = None,
        by_groups: bool = False,
        called: Mapping[str, str] | None = None,
    ) -> Writer:
        """A writer of one method's body."""
        signature = self.signature
        return Writer(
            signature.names,
            {name: f"self.{python}" for name, python in signature.params.items()},
            f"{signature.anchor}.dtype",
            self.plan.signs,
            signature.anchor,
            special,
            taken,
            by_groups,
            called,
        )

    def method(
        self, name: str, arguments: list[str], returns: str, doc: str, body: list[str]
    ) -> list[str]:
        head = definition(f"def {name}", ["self", *arguments], f" -> {returns}:", 0)
        dims = self.signature.dim_lines(
            "\n".join(line for line in body if not line.strip().startswith("#"))
        )
        return [*head, *indented([f'"""{doc}"""', *dims, *body], 4)]

    def _prepared(self) -> str:
        names = self.signature.arguments
        return f"{names}{',' if len(self.signature.inputs) == 1 else ''} = self.prepare({names})"

    # ------------------------------------------------------------------ methods

    def expression(self) -> list[str]:
        """The statements of a differentiable ``loss``."""
        writer, held = self._loss_writer({})
        (value,) = writer.write(self.fused.root)
        result = self._tensor(value)
        if self.plan.undefined:
            result = f"self.defined({result})"
        body = [*writer.lines, f"return {result}"]
        return [*self.signature.dim_lines("\n".join(body)), *held(body), *body]

    def measured(self, called: Mapping[str, str]) -> list[str]:
        """The method of a loss of several terms that computes their values and weights.

        Args:
            called: How the losses of other specs are called, by term.
        """
        root = self.fused.root
        names = root.attr("names")
        assert isinstance(names, tuple)
        writer, held = self._loss_writer(called)
        # a weight names the errors that its value sums up
        weights = writer.write(*root.args[len(names) :])
        values = [
            self._tensor(writer.real(value)) for value in writer.write(*root.args[: len(names)])
        ]
        lines = _listed("values = torch.stack", values)
        if all(weight.scalar for weight in weights):
            lines += _listed("weights = values.new_tensor", [weight.code for weight in weights])
        else:
            given = [
                f"values.new_tensor({w.code})" if w.scalar else writer.real(w).code for w in weights
            ]
            lines += _listed("weights = torch.stack", given)
        body = [*writer.lines, *lines, "return values, weights"]
        return self.method(
            "measured",
            self.signature.plain(),
            "tuple[Tensor, Tensor]",
            "The values of the terms, with their gradients, and the weights of `combine`.",
            [*held(body), *body],
        )

    def _loss_writer(
        self, called: Mapping[str, str]
    ) -> tuple[Writer, Callable[[list[str]], list[str]]]:
        """A writer of a differentiable loss, and what must stand before a body that it wrote."""
        fused = self.fused
        writer = self.writer(taken=fused.taken, called=called)
        writer.names = {**writer.names, **fused.held.names}
        writer.special = lambda node: fused.value(writer, node)

        def held(body: list[str]) -> list[str]:
            return [
                f"{name} = {self.signature.inputs[fused.held.sources[own]]}.detach()"
                for own, name in fused.held.names.items()
                if any(name in line for line in body)
            ]

        return writer, held

    @functools.cached_property
    def fused(self) -> Fused:
        """The elements of a ``loss`` whose derivatives are written out."""
        graph = self.plan.graph
        names = {*self.signature.names.values(), *self.signature.params.values()}
        return Fused(graph.root, graph.make, self.plan.signs, names)

    def _back(self, writer: Writer, value: Value) -> Value:
        """The result in the dtype of the scores, where products of counts were wider."""
        if not writer.widened or value.scalar:
            return value
        return replace(value, code=f"{value.atom}.to({writer.dtype})", level=20)

    def _tensor(self, value: Value) -> str:
        return f"{self.signature.anchor}.new_tensor({value.code})" if value.scalar else value.code

    def metric(self) -> list[str]:
        writer = self.writer()
        (value,) = writer.write(self.plan.graph.root)
        value = self._back(writer, writer.real(value))
        body = writer.lines
        dims = self.signature.dim_lines("\n".join([*body, value.code]))
        lines = ["@torch.no_grad()"]
        lines += definition("def metric", ["self", *self.signature.typed()], " -> Tensor:", 0)
        lines += indented(
            [
                '"""The metric as the spec has it, decoder then evaluator, without gradient."""',
                self._prepared(),
                *self._sorted_metric(),
                *dims,
                *body,
                f"return self.defined({self._tensor(value)})",
            ],
            4,
        )
        return [*lines, "", *self.defined()]

    def defined(self) -> list[str]:
        """The method that refuses an undefined value."""
        return [
            "def defined(self, value: Tensor) -> Tensor:",
            '    """``value``; a ValueError in eager mode where the spec leaves it undefined."""',
            "    if self.validate and not torch.compiler.is_compiling():",
            *self._check_defined(self.plan.undefined),
            "    return value",
        ]

    def _check_defined(self, message: str) -> list[str]:
        line = f"        check_defined(value, {quoted(message)})"
        if len(line) + 4 <= 100:
            return [line]
        first, *rest = wrapped(message, 72)
        parts = [quoted(first), *(quoted(" " + part) for part in rest)]
        return [
            "        check_defined(",
            "            value,",
            *(f"            {part}" for part in parts[:-1]),
            f"            {parts[-1]},",
            "        )",
        ]

    def refactored(self) -> list[str]:
        names = self.signature.arguments
        lines = ["@torch.no_grad()"]
        lines += definition("def refactored", ["self", *self.signature.typed()], " -> Tensor:", 0)
        body = [
            '"""The metric by way of comparisons and binaries: equal to ``metric``."""',
            self._prepared(),
            *self._sorted_rows(),
            f"families = self.families({names})",
            "counts = [row_counts(family, binaries_of(family)) for family in families]",
            "rows = torch.cat(counts, -1)",
            f"return self.metric_of_rows(rows, families, {names})",
        ]
        return [*lines, *indented(body, 4)]

    @property
    def sorts(self) -> bool:
        """Whether all comparisons are of pairs, which many of are sorted."""
        return all(self.plan.pairs) and not self.plan.published_consistency

    def _sorted_metric(self) -> list[str]:
        """Of many items, every comparison by itself would fill the memory."""
        if not self.sorts:
            return []
        names = self.signature.arguments
        return [
            f"if many_pairs(self.pairs({names}), 2**24):",
            f"    return self.refactored({names})",
        ]

    def _sorted_rows(self) -> list[str]:
        if not self.sorts:
            return []
        names = self.signature.arguments
        return [
            f"pairs = self.pairs({names})",
            "if many_pairs(pairs):",
            f"    return self.metric_of_rows(sorted_row_counts(pairs), pairs, {names})",
        ]

    def comparisons(self) -> list[str]:
        head = definition("def comparisons", ["self", *self.signature.typed()], " -> Tensor:", 0)
        body = [
            '"""All comparisons, family by family, row by row: ``[l]``."""',
            self._prepared(),
            f"return flat_comparisons(self.families({self.signature.arguments}))",
        ]
        return [*head, *indented(body, 4)]

    def evaluate_binaries(self) -> list[str]:
        names = self.signature.arguments
        lines = ["@torch.no_grad()"]
        arguments = ["self", "binaries: Tensor", *self.signature.typed()]
        lines += definition("def evaluate_binaries", arguments, " -> Tensor:", 0)
        body = [
            '"""The metric of binaries in the order of ``comparisons``: ``[..., l] -> [...]``."""',
            self._prepared(),
            f"families = self.families({names})",
            "rows = rows_of_binaries(families, binaries)",
            f"return self.metric_of_rows(rows, families, {names})",
        ]
        return [*lines, *indented(body, 4)]

    def families(self) -> list[str]:
        writer = self.writer()
        blocks: list[str] = []
        for number, row in enumerate(self.plan.families, start=1):
            blocks += self.family(writer, row, number)
        checks = [
            f"check_places({', '.join(writer.size(axis.extent) for axis in row.axes)})"
            for row in self.plan.families
            if len(row.axes) > 1
        ]
        checks = list(dict.fromkeys(checks))
        body = [*checks, *writer.lines, "return (", *indented(blocks, 4), ")"]
        doc = "Score -> comparison -> binary: what is compared with what, and who wins a tie."
        return self.method("families", self.signature.plain(), "tuple[Family, ...]", doc, body)

    def family(self, writer: Writer, row: RowFamily, number: int) -> list[str]:
        """One family as broadcastable tensors."""
        family = row.family
        left, right, stored, tie = (
            align(value, row.axes)
            for value in writer.write(family.left, family.right, family.stored, family.tie)
        )
        shape = ", ".join(writer.size(axis.extent) for axis in row.axes)
        comma = "," if len(row.axes) == 1 else ""
        anchor = self.signature.anchor
        if stored.scalar:
            full = f"{anchor}.new_ones(({shape}{comma}), dtype=torch.bool)"
        elif set(family.stored.indices) == set(row.axes):
            full = stored.code
        else:
            full = f"{stored.atom}.expand({shape})"
        sides = [f"{anchor}.new_tensor({s.code})" if s.scalar else s.code for s in (left, right)]
        for place, node in enumerate((family.left, family.right)):
            if may_be_undefined(node):  # a comparison with an undefined value does not hold
                side = writer.assign("side", Value(sides[place], row.axes, "real")).code
                full = f"({full}) & ~{side}.isnan()"
                sides[place] = writer.call("otherwise", side, "0")
        parts = {"left": sides[0], "right": sides[1], "stored": full, "tie": tie.code}
        for name, code in parts.items():
            if len(f"{name}={code},") > 84:  # it stands 16 characters from the left
                parts[name] = writer.assign(name, Value(code, row.axes, "real")).code
        where = "" if stored.scalar else f" where {text(family.stored)}"
        comment = f"wins{number}: {text(family.left)} > {text(family.right)}{where}"
        return [
            *wrapped(comment, 84, "# ", "#   "),
            "Family(",
            *(f"    {name}={code}," for name, code in parts.items()),
            f"    columns={len(row.columns)},",
            f"    mirrored={family.mirrored is not None},",
            *(["    both_ways=True,"] if row.both_ways else []),
            "),",
        ]

    def _result(self, value: Value) -> list[str]:
        if not self.plan.published_consistency:
            return [f"return self.defined({value.code})"]
        return [
            f"value = {value.code}",
            f"ordered = has_order(families, rows, self.items({self.signature.arguments}))",
            "return self.defined(torch.where(ordered, value, 0))",
        ]

    def items(self) -> list[str]:
        """Which items each comparison is about: numbers in row-major order."""
        writer = self.writer()
        pairs = []
        for row in self.plan.families:
            sides = [
                item_number(self.plan.graph.make, side)
                for side in (row.family.left, row.family.right)
            ]
            left, right = (align(value, row.axes) for value in writer.write(*sides))
            pairs.append(f"({left.code}, {right.code})")
        line = f"return ({pairs[0]},)"
        if len(pairs) > 1 or len(line) > 92:
            body = [*writer.lines, "return (", *(f"    {pair}," for pair in pairs), ")"]
        else:
            body = [*writer.lines, line]
        doc = "The numbers of the left and right item of each comparison."
        return self.method(
            "items", self.signature.plain(), "tuple[tuple[Tensor, Tensor], ...]", doc, body
        )

    def metric_of_rows(self) -> list[str]:
        families = self.plan.families
        names = []
        for number, row in enumerate(families, start=1):
            names += [f"wins{number}", *([f"losses{number}"] if row.both_ways else [])]

        def special(node: Node) -> Value | None:
            if node.op != "ones":
                return None
            name = f"losses{node.family + 1}" if node.against else f"wins{node.family + 1}"
            return Value(name, node.letters, "int", batched=True)

        writer = self.writer(special=special, taken=set(names), by_groups=True)
        (value,) = writer.write(self.plan.root)
        value = self._back(writer, writer.real(value))
        targets = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
        body = [
            f"{targets} = split_rows(families, rows)",
            *writer.lines,
            *self._result(value),
        ]
        kind = "Family" if self.plan.published_consistency else "Counted"
        arguments = ["rows: Tensor", f"families: tuple[{kind}, ...]", *self.signature.plain()]
        doc = "Binary -> metric, from the comparisons won in each row: ``[..., R] -> [...]``."
        return self.method("metric_of_rows", arguments, "Tensor", doc, body)


def _listed(head: str, items: list[str]) -> list[str]:
    """A call with a list, in the body of a method."""
    line = f"{head}([{', '.join(items)}])"
    if len(line) <= WIDTH - 8:
        return [line]
    inner = f"    [{', '.join(items)}]"
    if len(inner) <= WIDTH - 8:
        return [f"{head}(", inner, ")"]
    return [f"{head}(", "    [", *(f"        {item}," for item in items), "    ]", ")"]
