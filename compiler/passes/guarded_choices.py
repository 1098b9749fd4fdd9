"""Choices whose other branch would have a gradient of NaN: it is computed of harmless numbers."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, topological
from lossc.compiler.ir.node import Node

_HARMLESS = {"log": 1, "log2": 1, "sqrt": 1, "exp": 0}


def guarded_choices(graph: Graph) -> Graph:
    """Functions that may fail outside their domain see a harmless number where they are not chosen.

    Rewrite: where(c, log(x), y)    ->  where(c, log(where(c, x, 1)), y)
    Rewrite: sum[i | c] x ^ 1.5     ->  sum[i | c] where(c, x, 1) ^ 1.5

    The value is the same. Without it, the gradient of what is not chosen is 0 times infinity.
    """
    return graph.with_root(guarded(graph.root, graph.make))


def guarded(root: Node, make: NodeFactory) -> Node:
    """``root`` with guards, innermost choices first."""
    done: dict[Node, Node] = {}
    for node in topological([root]):
        fresh = rebuild(make, node, tuple(done[arg] for arg in node.args))
        if fresh.live and fresh.op == "where" and fresh.kind != "bool":
            condition, yes, no = fresh.args
            yes = _within(yes, condition, make)
            fresh = make.where(condition, yes, _within(no, make.not_(condition), make), node.span)
        elif fresh.live and fresh.op in ("sum", "mean") and len(fresh.args) > 1:
            body, condition = fresh.args
            if not condition.live:
                fresh = make.like(fresh, (_within(body, condition, make), condition))
        done[node] = fresh
    return done[root]


def _within(branch: Node, condition: Node, make: NodeFactory) -> Node:
    """A branch whose functions see a harmless number where the condition does not hold.

    Only what stands between the choice and the scores item by item is looked at: a reduction has
    numbers of its own.
    """
    if not branch.live:
        return branch
    done: dict[Node, Node] = {}
    stack = [branch]
    while stack:
        node = stack[-1]
        closed = not node.live or bool(node.bound) or node.op in ("at", "define", "where", "else")
        missing = [] if closed else [arg for arg in node.args if arg not in done]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node in done:
            continue
        fresh = node if closed else rebuild(make, node, tuple(done[arg] for arg in node.args))
        if not closed and _may_fail(node):
            inner, *rest = fresh.args
            harmless = make.const(_HARMLESS.get(node.op, 1))
            inner = make.where(condition, inner, harmless, node.span)
            fresh = make.like(fresh, (inner, *rest))
        done[node] = fresh
    return done[branch]


def _may_fail(node: Node) -> bool:
    """A function whose derivative may be infinite or NaN somewhere, of a live argument."""
    if node.op in _HARMLESS:
        return node.args[0].live
    if node.op != "pow" or not node.args[0].live:
        return False
    exponent = node.args[1]
    return not (exponent.op == "const" and isinstance(exponent.value, int) and exponent.number >= 0)
