"""Where each comparison is needed at all: the filters on the way from it to the goal."""

from __future__ import annotations

from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute, topological
from lossc.compiler.ir.node import Index, Node, conjuncts

Context = frozenset[Node]  # fixed conditions that all hold
MOST_CONTEXTS, MOST_CONDITIONS = 12, 24  # of one node; what goes beyond is not told apart


def demands(root: Node, make: NodeFactory) -> dict[Node, list[Context]]:
    """For every node the contexts in which its value is used; any one of them makes it needed.

    A context is a set of fixed conditions over the node's free indices. Dropping a condition from
    it is always sound: a comparison is then computed where nobody needs it.
    """
    needed: dict[Node, list[Context]] = {node: [] for node in topological([root])}
    needed[root] = [frozenset()]
    for node in reversed(topological([root])):
        for context in needed[node]:
            for arg, passed in _passed(node, context, make):
                # a definition has no free indices: its contexts speak of those that it binds
                own = {*arg.indices, *arg.bound} if arg.op == "define" else set(arg.indices)
                kept = [c for c in passed if set(c.indices) <= own]
                if len(kept) > MOST_CONDITIONS:
                    kept = []
                _absorb(needed[arg], frozenset(kept))
    return needed


def _absorb(contexts: list[Context], new: Context) -> None:
    """Adds a context, keeping only the weakest ones."""
    if any(old <= new for old in contexts):
        return
    contexts[:] = [old for old in contexts if not new <= old] + [new]
    if len(contexts) > MOST_CONTEXTS:  # their number may double with every definition
        contexts[:] = [frozenset.intersection(*contexts)]


def _passed(node: Node, context: Context, make: NodeFactory) -> list[tuple[Node, Context]]:
    """What each argument of ``node`` is needed under where ``node`` is needed under ``context``."""
    if node.op == "at" and node.args[0].op == "define":
        return [
            (node.args[0], _renamed(node, context, make)),
            *((arg, context) for arg in node.args[1:]),
        ]
    if node.op == "define":
        return [(node.args[0], context)]
    if node.bound:
        outer = frozenset(c for c in context if not set(c.indices) & set(node.bound))
        if node.op == "sort":
            body, at, *rest = node.args
            inner = outer | _fixed(rest[0]) if rest else outer
            return [(body, inner), (at, context), *((r, outer) for r in rest)]
        body, *rest = node.args
        inner = outer | _fixed(rest[0]) if rest else outer
        return [(body, inner), *((r, outer) for r in rest)]
    if node.op == "where" and not node.args[0].live:
        condition, yes, no = node.args
        if any(inner.op == "binary" and inner.args[3] is condition for inner in topological([no])):
            # an item met itself: the binary knows that, and keeps what is stored apart from it
            return [(condition, context), (yes, context), (no, context)]
        return [
            (condition, context),
            (yes, context | _fixed(condition)),
            (no, context | _fixed(make.not_(condition))),
        ]
    if node.op in ("and", "or"):
        left, right = node.args
        given = [make.not_(a) if node.op == "or" else a for a in (left, right)]
        return [(left, context | _fixed(given[1])), (right, context | _fixed(given[0]))]
    if node.op == "mul":
        left, right = node.args
        # 0 times an undefined value is undefined, so that it is needed all the same
        factors = [
            _fixed(a.args[0]) if a.op == "iverson" and not may_be_undefined(b) else frozenset()
            for a, b in ((left, right), (right, left))
        ]
        return [(left, context | factors[1]), (right, context | factors[0])]
    return [(arg, context) for arg in node.args]


def _fixed(condition: Node) -> Context:
    return frozenset(c for c in conjuncts(condition) if not c.live and c.op != "const")


def _renamed(node: Node, context: Context, make: NodeFactory) -> Context:
    """The context in the letters of the definition that ``node`` reads."""
    define = node.args[0]
    letters: dict[Index, Node] = {}
    for binder, place in zip(define.bound, node.args[1:], strict=True):
        if place.op == "index":
            letters[place.index] = make.at_index(binder)
    kept = (c for c in context if set(c.indices) <= set(letters))
    return frozenset(substitute(c, make, letters) for c in kept)
