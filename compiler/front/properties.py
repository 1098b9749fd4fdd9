"""Properties of nodes that follow from those of their arguments, worked out once for each node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from lossc.compiler.ir.node import Node

T = TypeVar("T")
Derive = Callable[[Node, Callable[[Node], T]], T]


def remembered(derive: Derive[T]) -> Callable[[Node], T]:
    """``derive(node, of_argument)`` as a function of the node alone.

    Nodes are shared, so that a plain recursion takes exponential time; and they nest deeper than
    Python's stack does.
    """
    known: WeakKeyDictionary[Node, T] = WeakKeyDictionary()

    def of(root: Node) -> T:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [] if node in known else [arg for arg in node.args if arg not in known]
            if missing:
                stack.extend(missing)
                continue
            if node not in known:
                known[node] = derive(node, known.__getitem__)
            stack.pop()
        return known[root]

    of.__doc__ = derive.__doc__
    return of


def never_zero(node: Node) -> bool:
    """Whether what is divided by is above 0 by its form: a constant, or ``max(count, 1)``."""
    if node.op == "maximum":
        return any(arg.op == "const" and arg.number > 0 for arg in node.args)
    return node.op == "const"


@remembered
def may_be_undefined(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a division or an empty reduction could, by its form, leave a value undefined."""
    if node.op == "else":
        return of(node.args[1])
    if node.op == "div" and not never_zero(node.args[1]):
        return True
    if node.op in ("mean", "min", "max", "sort", "logsumexp"):
        return True
    if node.op == "expected" and any(isinstance(i.extent.size, str) for i in node.bound):
        return bool(node.attr("softmax")) or any(of(arg) for arg in node.args)
    if node.op == "balance":
        return False
    if node.op == "argmax" and len(node.args) > 1:
        return True
    return any(of(arg) for arg in node.args)


@remembered
def may_be_nowhere(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a place may be undefined: an argmax whose filter leaves nothing has no winner."""
    if node.op == "winner":
        return len(node.args[0].args) > 1
    if node.kind == "bool" or node.op == "iverson" or (node.bound and node.op != "define"):
        return False
    return any(of(arg) for arg in node.args)


@remembered
def depth(node: Node, of: Callable[[Node], int]) -> int:
    """How many operations stand one inside the other."""
    return 1 + max((of(arg) for arg in node.args), default=0)


@remembered
def is_plain(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a value is a number of Python at run time, made of dims, params and constants."""
    if node.op in ("const", "param", "dim"):
        return node.kind in ("int", "real")
    return bool(node.args) and not node.bound and not node.indices and all(map(of, node.args))


@remembered
def stays_small(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a whole number cannot grow with the batch: not a count, a size, a rank, an index."""
    if node.op in ("iverson", "param") or node.kind == "bool":
        return True
    if node.op == "const":
        return abs(node.number) < 2**16 if node.kind != "str" else True
    if node.op in ("where", "min", "max", "neg", "abs", "minimum", "maximum", "else", "detach"):
        return all(of(arg) for arg in node.args)
    return False


@remembered
def may_fail(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a function of numbers outside its domain, or an overflow, could make a value NaN."""
    if node.op in ("log", "log2", "sqrt", "exp"):
        return True
    if node.op == "pow":
        exponent = node.args[1]
        whole = exponent.op == "const" and isinstance(exponent.value, int) and exponent.number >= 0
        if not whole:
            return True
    return any(of(arg) for arg in node.args)
