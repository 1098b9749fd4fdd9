"""The method of a generated class that describes families of pairs by their items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import indented, wrapped
from lossc.compiler.emit.value import Value, align
from lossc.compiler.emit.writer import Writer
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.ir.text import text
from lossc.compiler.plan import Plan
from lossc.compiler.refactor.rows import RowFamily
from lossc.compiler.refactor.separable import ItemSide, Separable


class PairFamilies:
    """The part of ``Methods`` for metrics whose comparisons are pairs of items."""

    plan: Plan
    signature: Signature

    if TYPE_CHECKING:

        def writer(self) -> Writer: ...
        def method(
            self, name: str, arguments: list[str], returns: str, doc: str, body: list[str]
        ) -> list[str]: ...
        def family(self, writer: Writer, row: RowFamily, number: int) -> list[str]: ...

    @property
    def paired(self) -> bool:
        """Whether some family is one of pairs."""
        return any(self.plan.pairs)

    def kind_of_family(self, number: int) -> str:
        """The class of a family in ``pairs()``, by its number from 0."""
        return "PairFamily" if self.plan.pairs[number] else "Family"

    def pairs(self) -> list[str]:
        """``families()`` with families of pairs described by their items."""
        writer = self.writer()
        blocks: list[str] = []
        for number, (row, pairs) in enumerate(
            zip(self.plan.families, self.plan.pairs, strict=True), start=1
        ):
            if pairs is None:
                blocks += self.family(writer, row, number)
            else:
                blocks += self._pairs(writer, row, pairs, number)
        kinds = ", ".join(self.kind_of_family(k) for k in range(len(self.plan.families)))
        body = [*writer.lines, "return (", *indented(blocks, 4), ")"]
        doc = "Score -> comparison -> binary: which items are compared with which."
        return self.method("pairs", self.signature.plain(), f"tuple[{kinds}]", doc, body)

    def _pairs(self, writer: Writer, row: RowFamily, pairs: Separable, number: int) -> list[str]:
        parts = {
            "left": self._side(writer, pairs.left, pairs.batch, pairs.left.score),
            "right": self._side(writer, pairs.right, pairs.batch, pairs.right.score),
            "left_kept": self._mask(writer, pairs.left, pairs.batch),
            "right_kept": self._mask(writer, pairs.right, pairs.batch),
        }
        if pairs.left.key is not None and pairs.right.key is not None:
            parts["left_group"] = self._side(writer, pairs.left, pairs.batch, pairs.left.key)
            parts["right_group"] = self._side(writer, pairs.right, pairs.batch, pairs.right.key)
        parts["tie"] = f'"{pairs.tie}"'
        if pairs.same:
            parts["same"] = "True"
        for name, code in parts.items():
            if len(f"{name}={code},") > 80:
                parts[name] = writer.assign(name, Value(code, (), "real")).code
        shape = ", ".join(writer.size(axis.extent) for axis in row.rows)
        comma = "," if len(row.rows) == 1 else ""
        family = row.family
        comment = f"wins{number}: {text(family.left)} > {text(family.right)}"
        return [
            *wrapped(comment, 84, "# ", "#   "),
            "PairFamily(",
            "    Pairs(",
            *(f"        {name}={code}," for name, code in parts.items()),
            "    ),",
            f'    rows="{pairs.rows}",',
            f"    shape=({shape}{comma}),",
            *(["    both_ways=True,"] if row.both_ways else []),
            "),",
        ]

    def _side(self, writer: Writer, side: ItemSide, batch: tuple[Index, ...], node: Node) -> str:
        """Values of the items of one side, in one axis behind those of the batch."""
        axes = (*batch, *side.items)
        value = align(writer.write(node)[0], axes)
        if set(node.indices) != set(axes):
            shape = ", ".join(writer.size(axis.extent) for axis in axes)
            value = Value(f"{writer.mask(value).atom}.expand({shape})", axes, value.kind)
        if len(side.items) == 1:
            return value.code
        return f"{value.atom}.flatten({-len(side.items)})"

    def _mask(self, writer: Writer, side: ItemSide, batch: tuple[Index, ...]) -> str:
        make = self.plan.graph.make
        return self._side(writer, side, batch, make.and_(*side.kept))
