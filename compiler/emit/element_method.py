"""Methods that compute an element of a loss with its slopes."""

from __future__ import annotations

from lossc.compiler.emit.element_code import FusedCode, element_code
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.text import definition, docstring, indented, wrapped
from lossc.compiler.ir.text import text
from lossc.compiler.symbolic.element import Element, Leaf
from lossc.compiler.symbolic.peeled import Peeled


def element_method(name: str, element: Element, numbers: list[bool]) -> list[str]:
    """The method of an element that is one expression.

    Args:
        name: Its name.
        element: What it computes.
        numbers: Which of its leaves are Python numbers.
    """
    names = argument_names(element.leaves)
    code = element_code(element, names, numbers)
    targets = result_names(element)
    lines = [*code.lines, *_assigned(targets, code)]
    return _method(name, _typed(names, numbers), element, names, targets, lines)


def peeled_method(name: str, parts: Peeled, numbers: list[bool], dim: int) -> list[str]:
    """The method of an element that is another one at one place.

    Args:
        name: Its name.
        parts: What it computes; its arguments are the leaves of the rest, those that the other
            part has besides, and the place.
        numbers: Which of the leaves are Python numbers.
        dim: The axis of the place, negative.
    """
    rest, hit = parts.rest, parts.hit
    there = argument_names(rest.leaves)
    more = argument_names(parts.added, "_at", [*there, "at", "place"])
    known = dict(zip([leaf.node for leaf in rest.leaves + parts.added], there + more, strict=True))
    kinds = dict(zip(known.values(), numbers, strict=True))
    here = [known[leaf.node] for leaf in hit.leaves]
    code = element_code(rest, there, numbers[: len(there)], [*more, "at", "place"])
    targets = result_names(rest)
    lines = [*code.lines, *_assigned(targets, code)]
    lines += wrapped(f"where {text(parts.condition)}:", 84, "# ", "#   ")
    found = ["0"] * len(targets)
    if hit.expression != 0:
        used = [*known.values(), "at", "place", *(line.split(" = ")[0] for line in lines)]
        other = element_code(hit, here, [kinds[name] for name in here], used)
        lines += other.lines
        order = [leaf.symbol for leaf in hit.live]
        slopes = [other.results[1 + order.index(leaf.symbol)] for leaf in rest.live]
        found = [other.results[0], *slopes]
    for target, new in zip(targets, found, strict=True):
        if parts.ignores:  # where there is no label, nothing is written
            new = f"torch.where(at == place, {new}, {target}.gather({dim}, at))"
        call = definition(f"{target}.scatter_", [str(dim), "at", new], "", 8)
        lines += [line[8:] for line in call]
    places = ["at: Tensor", *(["place: Tensor"] if parts.ignores else [])]
    typed = [*_typed([*there, *more], numbers), *places]
    return _method(name, typed, rest, there, targets, lines)


def argument_names(
    leaves: tuple[Leaf, ...], suffix: str = "", taken: list[str] | None = None
) -> list[str]:
    """What leaves are called inside the method: as in the spec, as far as that goes."""
    names: list[str] = []
    for leaf in leaves:
        node = leaf.node.args[0] if leaf.node.op in ("at", "detach") else leaf.node
        own = dict(node.attrs).get("name")
        stock = "condition" if leaf.bit else "score" if leaf.live else "factor"
        wanted, number = (str(own) if own is not None else stock) + suffix, 2
        wanted = wanted.removeprefix("fixed ")
        fresh = identifier(wanted)
        while fresh in [*names, *(taken or [])] or fresh.rstrip("0123456789_") in ("each", "slope"):
            fresh, number = identifier(f"{wanted}{number}"), number + 1
        names.append(fresh)
    return names


def result_names(element: Element) -> list[str]:
    """``each`` and a slope for each live leaf."""
    count = len(element.live)
    return ["each", *(["slope"] if count == 1 else [f"slope{k + 1}" for k in range(count)])]


def _typed(names: list[str], numbers: list[bool]) -> list[str]:
    return [
        f"{name}: {'float' if number else 'Tensor'}"
        for name, number in zip(names, numbers, strict=True)
    ]


def _assigned(targets: list[str], code: FusedCode) -> list[str]:
    return [f"{name} = {result}" for name, result in zip(targets, code.results, strict=True)]


def _method(
    name: str,
    typed: list[str],
    element: Element,
    names: list[str],
    targets: list[str],
    lines: list[str],
) -> list[str]:
    live = [called for called, leaf in zip(names, element.leaves, strict=True) if leaf.live]
    # it stands in a class, four characters to the right
    returns = f" -> tuple[{', '.join(['Tensor'] * len(targets))}]:"
    head = [line[4:] for line in definition(f"def {name}", typed, returns, 4)]
    said = f"An element of the loss and its derivative by {', '.join(live)}, in closed form."
    shown = wrapped(text(element.node), 84)
    body = [
        *docstring("\n".join([*wrapped(said, 84), "", *shown]) + "\n"),
        *lines,
        f"return {', '.join(targets)}",
    ]
    return ["@staticmethod", *head, *indented(body, 4)]
