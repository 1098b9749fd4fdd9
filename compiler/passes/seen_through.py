"""Definitions as their bodies, for rewrites that look for a form across them."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Node


def seen_through(make: NodeFactory, node: Node) -> Node:
    """The body of a definition that is read at plain or computed places, else ``node`` itself."""
    while node.op == "at" and node.args[0].op == "define":
        define = node.args[0]
        places = dict(zip(define.bound, node.args[1:], strict=True))
        node = substitute(define.args[0], make, places)
    return node


def is_number(node: Node, value: int) -> bool:
    """Whether a node is this constant."""
    return node.op == "const" and not isinstance(node.value, (str, bool)) and node.value == value
