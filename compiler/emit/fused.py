"""Closed-form derivatives in a generated loss: an element and its slopes, computed together.

Autograd keeps what every operation of a loss needs on its way back. Where an element has several
transcendental functions of a score, sympy's derivative shares them with the value, and one slope a
score is all that is kept. Where it has few, plain emission is as fast and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lossc.compiler.emit.element_code import agrees_with_autograd, element_code
from lossc.compiler.emit.element_method import element_method, peeled_method
from lossc.compiler.emit.held import Held, read_through
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.text import WIDTH, definition
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.emit.writer import Writer
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.element import Element, Elements, Leaf
from lossc.compiler.symbolic.peeled import Peeled, peeled
from lossc.compiler.symbolic.printer import NotPrintable

LEAST_COSTLY = 3  # transcendental functions; measured in benchmarks/fused_losses.py
MOST_LIVE = 3  # leaves that an element is differentiated by


class Fused:
    """Finds the elements of a loss that are worth it, and writes their methods."""

    def __init__(self, root: Node, make: NodeFactory, signs: Signs, names: set[str]):
        self.make, self.signs, self.taken = make, signs, set(names)
        self.methods: list[str] = []
        self.held = Held(make, self.taken)
        root = self.held.detached(read_through(root, make))
        self.root = rewrite(root, make, self._rule)

    def _rule(self, node: Node) -> Node | None:
        if node.op not in ("sum", "mean") or not node.args[0].live or node.args[0].decided:
            return None
        if node.args[0].op == "fused":
            return self._joined(node)
        element = Elements(self.make, self.signs).element(node.args[0])
        if element.cost < LEAST_COSTLY or not 1 <= len(element.live) <= MOST_LIVE:
            return None
        parts: Element | Peeled | None = peeled(element, self.make)
        if not isinstance(parts, Peeled) or not all(map(_is_right, parts.computed)):
            parts = element
            if not _is_right(element):
                return None
        for leaf in element.live:
            if _reads_input(leaf.node):
                self.held.twin(leaf.node)  # its name is known before anything is written
        nodes = [leaf.node for leaf in _leaves(parts)]
        if isinstance(parts, Peeled):
            nodes.append(parts.place)
        axes = {index for leaf in element.leaves for index in leaf.node.indices}
        if len(node.args) == 1 and axes.issuperset(node.bound):
            return self._fused(node, nodes, parts, node.bound, node.bound * (node.op == "mean"))
        body = self._fused(node.args[0], nodes, parts, (), ())
        return self.make.like(node, (body, *node.args[1:]))

    def _fused(
        self,
        like: Node,
        nodes: Sequence[Node],
        parts: Element | Peeled,
        over: tuple[Index, ...],
        mean: tuple[Index, ...],
    ) -> Node:
        """The node that stands for an element, summed over some indices, with the mean of some."""
        return self.make(
            "fused",
            *nodes,
            kind="real",
            span=like.span,
            indices=like.indices,
            element=parts,
            over=over,
            mean=mean,
        )

    def _joined(self, node: Node) -> Node | None:
        """A sum over a sum, in one."""
        (inner, *filters) = node.args
        over, mean = inner.attr("over"), inner.attr("mean")
        assert isinstance(over, tuple) and isinstance(mean, tuple)
        if filters or not over or not set(node.bound) <= set(inner.indices):
            return None
        parts = inner.attr("element")
        assert isinstance(parts, Element | Peeled)
        mean += node.bound * (node.op == "mean")
        return self._fused(node, inner.args, parts, over + node.bound, mean)

    def value(self, writer: Writer, node: Node) -> Value | None:
        """The statements that compute a fused element; ``None`` for any other node."""
        if node.op != "fused":
            return None
        parts = node.attr("element")
        assert isinstance(parts, Element | Peeled)
        whole = parts.rest if isinstance(parts, Peeled) else parts
        values = [self._argument(writer, leaf) for leaf in _leaves(parts)]
        axes = union(*values[: len(whole.leaves)])
        named = [writer.named(align(value, axes), "part", 76) for value in values]
        passed = [value.code for value in named]
        numbers = [value.scalar for value in named]
        method = identifier("element", self.taken)
        self.taken.add(method)
        self.methods += [""] if self.methods else []
        if isinstance(parts, Peeled):
            dim = axes.index(parts.axis) - len(axes)
            self.methods += peeled_method(method, parts, numbers, dim)
            passed += self._place(writer, parts, axes)
        else:
            self.methods += element_method(method, parts, numbers)
        # a place is counted from the beginning of its axis, which must not be cut then
        cut = axes.index(parts.axis) if isinstance(parts, Peeled) else None
        return self._summed(writer, node, whole, f"self.{method}", passed, axes, cut)

    def _place(self, writer: Writer, parts: Peeled, axes: tuple[Index, ...]) -> list[str]:
        """The arguments that say where the place is: inside the axis, and whether it is there."""
        place = align(writer.value(parts.place), axes)
        if not parts.ignores:
            return [place.code]
        place = writer.assign("place", place)
        return [f"{place.code}.clamp(0, {writer.size(parts.axis.extent)} - 1)", place.code]

    def _summed(
        self,
        writer: Writer,
        node: Node,
        element: Element,
        method: str,
        passed: list[str],
        axes: tuple[Index, ...],
        cut: int | None,
    ) -> Value:
        """The statements that call a method and sum up what it returns."""
        over, mean = node.attr("over"), node.attr("mean")
        assert isinstance(over, tuple) and isinstance(mean, tuple)
        inner = tuple(axis for axis in axes if axis in over)
        dims = tuple(axes.index(axis) - len(axes) for axis in inner)
        each = writer.name("total" if inner else "each")
        slopes = [writer.name("slope") for _ in element.live]
        targets = ", ".join([each, *slopes])
        if over:
            packed = f"({', '.join(passed)}{',' if len(passed) == 1 else ''})"
            given = [method, packed, repr(dims), *([] if cut is None else [f"cut={cut}"])]
            call = definition(f"{targets} = element_sums", given, "", 8)
            call = [part for line in call for part in _broken(line, packed, passed)]
        else:
            call = definition(f"{targets} = {method}", passed, "", 8)
        writer.lines += [line[8:] for line in call]
        live = [align(self._named(writer, leaf), axes).code for leaf in element.live]
        tensors = f"({live[0]},)" if len(live) == 1 else f"({', '.join(live)})"
        if not over:
            arguments, name = [tensors, each, *slopes], "attach_slopes"
        else:
            count = " * ".join(writer.factor(axis.extent) for axis in mean) or "1"
            arguments, name = [tensors, each, repr(dims), count, *slopes], "attach_sums"
        writer.lines += [line[8:] for line in definition(f"{each} = {name}", arguments, "", 8)]
        return Value(each, tuple(axis for axis in axes if axis not in inner), "real")

    def _argument(self, writer: Writer, leaf: Leaf) -> Value:
        """The value of a leaf, of detached scores where it is live."""
        if not leaf.live:
            return writer.value(leaf.node)
        if _reads_input(leaf.node):
            return writer.value(self.held.twin(leaf.node))
        value = self._named(writer, leaf)
        return replace(value, code=f"{value.code}.detach()")

    def _named(self, writer: Writer, leaf: Leaf) -> Value:
        value = writer.value(leaf.node)
        if not value.code.isidentifier():
            value = writer.assign("score", value)
            writer.values[leaf.node] = value
        return value


def _broken(line: str, packed: str, items: list[str]) -> list[str]:
    """A line of a call; a tuple in it that does not fit has one item a line."""
    if len(line) <= WIDTH or packed not in line:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return [f"{indent}(", *(f"{indent}    {item}," for item in items), f"{indent}),"]


def _leaves(parts: Element | Peeled) -> tuple[Leaf, ...]:
    return parts.leaves if isinstance(parts, Element) else parts.rest.leaves + parts.added


def _is_right(element: Element) -> bool:
    """Whether an element has code, and slopes that agree with autograd."""
    numbers = [leaf.number for leaf in element.leaves]
    names = [f"leaf{k}" for k in range(len(numbers))]
    try:
        code = element_code(element, names, numbers)
    except NotPrintable:
        return False
    return agrees_with_autograd(element, code, numbers)


def _reads_input(node: Node) -> bool:
    return node.op == "input" or (node.op == "at" and node.args[0].op == "input")
