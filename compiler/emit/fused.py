"""Closed-form derivatives in a generated loss: an element and its slopes, computed together.

Autograd keeps what every operation of a loss needs on its way back. Where an element has several
transcendental functions of a score, sympy's derivative shares them with the value, and one slope a
score is all that is kept. Where it has few, plain emission is as fast and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.text import definition, docstring, indented, wrapped
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.emit.writer import Writer
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.text import text
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.derivatives import derivatives
from lossc.compiler.symbolic.element import Element, Elements
from lossc.compiler.symbolic.printer import NotPrintable, TorchPrinter
from lossc.runtime.elements import power_or_zero, times_log

LEAST_COSTLY = 3  # transcendental functions; measured in benchmarks/fused_losses.py
MOST_LIVE = 3  # leaves that an element is differentiated by
_TOLERANCE = 1e-7


@dataclass(frozen=True)
class FusedCode:
    """The code of an element with its slopes, over the names of its leaves."""

    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    results: tuple[str, ...]


class Fused:
    """Finds the elements of a loss that are worth it, and writes their methods."""

    def __init__(self, root: Node, make: NodeFactory, signs: Signs, names: set[str]):
        self.make, self.signs, self.taken = make, signs, set(names)
        self.methods: list[str] = []
        self.root = rewrite(root, make, self._rule)

    def _rule(self, node: Node) -> Node | None:
        if node.op not in ("sum", "mean") or not node.args[0].live or node.args[0].decided:
            return None
        element = Elements(self.make, self.signs).element(node.args[0])
        if element.cost < LEAST_COSTLY or not 1 <= len(element.live) <= MOST_LIVE:
            return None
        numbers = [leaf.number for leaf in element.leaves]
        names = [f"leaf{k}" for k in range(len(numbers))]
        try:
            code = element_code(element, names, numbers)
        except NotPrintable:
            return None
        if not agrees_with_autograd(element, code, numbers):
            return None
        leaves = (leaf.node for leaf in element.leaves)
        fused = self.make("fused", *leaves, kind="real", span=node.span, element=element)
        return self.make.like(node, (fused, *node.args[1:]))

    def value(self, writer: Writer, node: Node) -> Value | None:
        """The statements that compute a fused element; ``None`` for any other node."""
        if node.op != "fused":
            return None
        element = node.attr("element")
        assert isinstance(element, Element)
        values = [writer.value(leaf) for leaf in node.args]
        axes = union(*values)
        named: list[Value] = []
        for leaf, value in zip(element.leaves, values, strict=True):
            value = align(value, axes)
            if leaf.live and not value.code.isidentifier():
                value = writer.assign("score", value)
            named.append(value)
        method = identifier("element", self.taken)
        self.taken.add(method)
        names = self._argument_names(element)
        code = element_code(element, names, [value.scalar for value in named])
        self.methods += [""] if self.methods else []
        self.methods += _method(method, element, code, [value.scalar for value in named])
        passed = [
            f"{value.atom}.detach()" if leaf.live else value.code
            for leaf, value in zip(element.leaves, named, strict=True)
        ]
        live = [v.code for leaf, v in zip(element.leaves, named, strict=True) if leaf.live]
        targets = [writer.name("each")] + [writer.name("slope") for _ in live]
        call = definition(f"{', '.join(targets)} = self.{method}", passed, "", 8)
        writer.lines += [line[8:] for line in call]
        tensors = f"({live[0]},)" if len(live) == 1 else f"({', '.join(live)})"
        attach = definition(f"{targets[0]} = attach_slopes", [tensors, *targets], "", 8)
        writer.lines += [line[8:] for line in attach]
        return Value(targets[0], axes, "real")

    def _argument_names(self, element: Element) -> list[str]:
        """What the leaves are called inside the method: as in the spec, as far as that goes."""
        names: list[str] = []
        for leaf in element.leaves:
            node = leaf.node.args[0] if leaf.node.op in ("at", "detach") else leaf.node
            own = dict(node.attrs).get("name")
            stock = "condition" if leaf.bit else "score" if leaf.live else "factor"
            wanted, number = str(own) if own is not None else stock, 2
            fresh = identifier(wanted)
            while fresh in names or fresh.rstrip("0123456789_") in ("each", "slope"):
                fresh, number = identifier(f"{wanted}{number}"), number + 1
            names.append(fresh)
        return names


def element_code(element: Element, names: list[str], numbers: list[bool]) -> FusedCode:
    """The value and one slope for each live leaf, with their shared parts.

    Raises:
        NotPrintable: A part has no torch code, or a slope is the same everywhere.
    """
    symbols = [leaf.symbol for leaf in element.leaves]
    plain = {symbol for symbol, number in zip(symbols, numbers, strict=True) if number}
    bits = {leaf.symbol for leaf in element.leaves if leaf.bit}
    dtype = f"{names[symbols.index(element.live[0].symbol)]}.dtype"
    printer = TorchPrinter(dict(zip(symbols, names, strict=True)), plain, bits, dtype)
    slopes = list(derivatives(element).values())
    if any(not slope.free_symbols - plain for slope in slopes) or bits & plain:
        raise NotPrintable("a slope that is a number")
    results_named = {"each", "slope", *(f"slope{k}" for k in range(1, len(slopes) + 1))}
    lines, results = printer.program([element.expression, *slopes], results_named)
    return FusedCode(tuple(names), tuple(lines), tuple(results))


def agrees_with_autograd(element: Element, code: FusedCode, numbers: list[bool]) -> bool:
    """Tries the slopes against autograd through the printed value, at points of all signs."""
    generator = torch.Generator().manual_seed(0)
    inputs: list[torch.Tensor | float] = []
    for leaf, number in zip(element.leaves, numbers, strict=True):
        drawn = torch.randn(64, generator=generator, dtype=torch.float64) * 2
        if leaf.bit:
            inputs.append(drawn > 0)
        elif number:
            inputs.append(0.75)
        else:
            known = leaf.symbol.is_nonnegative
            inputs.append((drawn.abs() if known else drawn).requires_grad_(leaf.live))
    scope = {
        "torch": torch,
        "functional": functional,
        "power_or_zero": power_or_zero,
        "times_log": times_log,
    }
    head = f"def element({', '.join(code.arguments)}):"
    body = [*code.lines, f"return {', '.join(code.results)}"]
    exec("\n".join([head, *indented(body, 4)]), scope)
    value, *slopes = scope["element"](*inputs)  # type: ignore[operator]
    live = [x for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
    wanted = torch.autograd.grad(value.nan_to_num().sum(), live)
    for slope, gradient in zip(slopes, wanted, strict=True):
        finite = value.isfinite() & gradient.isfinite()
        if not torch.allclose(
            slope.expand(64)[finite], gradient[finite], rtol=_TOLERANCE, atol=_TOLERANCE
        ):
            return False
    return True


def _method(name: str, element: Element, code: FusedCode, numbers: list[bool]) -> list[str]:
    typed = [
        f"{argument}: {'float' if number else 'Tensor'}"
        for argument, number in zip(code.arguments, numbers, strict=True)
    ]
    live = [
        argument for argument, leaf in zip(code.arguments, element.leaves, strict=True) if leaf.live
    ]
    count = len(code.results)
    # it stands in a class, four characters to the right
    returns = f" -> tuple[{', '.join(['Tensor'] * count)}]:"
    head = [line[4:] for line in definition(f"def {name}", typed, returns, 4)]
    said = f"An element of the loss and its derivative by {', '.join(live)}, in closed form."
    shown = wrapped(text(element.node), 84)
    body = [
        *docstring("\n".join([*wrapped(said, 84), "", *shown]) + "\n"),
        *code.lines,
        *_returned(list(code.results)),
    ]
    return ["@staticmethod", *head, *indented(body, 4)]


def _returned(results: list[str]) -> list[str]:
    lines = []
    for place, result in enumerate(results):
        name = "each" if place == 0 else "slope" if len(results) == 2 else f"slope{place}"
        lines.append(f"{name} = {result}")
    names = [line.split(" = ")[0] for line in lines]
    return [*lines, f"return {', '.join(names)}"]
