"""The numbers of the items that a comparison reads."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.grammar.errors import Diagnostic, SpecError


def item_number(make: NodeFactory, side: Node) -> Node:
    """The row-major number of the item that a comparison reads.

    Raises:
        SpecError: It reads no item of an array.
    """
    if side.op != "at" or len(side.args) < 2:
        raise SpecError(
            Diagnostic(
                side.span,
                "not-supported",
                "inconsistent = published needs comparisons of items of one array",
            )
        )
    array, *places = side.args
    define = array.op == "define"
    extents = tuple(index.extent for index in array.bound) if define else array.dims
    number = make.const(0)
    for place, extent in zip(places, extents, strict=True):
        size = (
            make.const(extent.size)
            if isinstance(extent.size, int)
            else make("dim", name=extent.size, kind="int")
        )
        number = make.arithmetic("add", make.arithmetic("mul", number, size), place)
    return number
