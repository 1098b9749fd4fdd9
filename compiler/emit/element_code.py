"""The code of an element of a loss with its slopes: printed, and tried against autograd."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional

from lossc.compiler.emit.text import indented
from lossc.compiler.symbolic.cheapest import cheapest
from lossc.compiler.symbolic.derivatives import derivatives
from lossc.compiler.symbolic.element import Element
from lossc.compiler.symbolic.printer import NotPrintable, TorchPrinter
from lossc.runtime.elements import power_or_zero, times_log

_TOLERANCE = 1e-7


@dataclass(frozen=True)
class FusedCode:
    """The code of an element with its slopes, over the names of its leaves."""

    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    results: tuple[str, ...]


def element_code(
    element: Element, names: list[str], numbers: list[bool], taken: Iterable[str] = ()
) -> FusedCode:
    """The value and one slope for each live leaf, with their shared parts.

    Args:
        element: What is computed.
        names: What its leaves are called.
        numbers: Which of them are Python numbers.
        taken: Names that parts must not have.

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
    wanted = cheapest([element.expression, *slopes])
    lines, results = printer.program(wanted, {*results_named, *taken})
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
