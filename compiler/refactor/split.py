"""One decision under filters that exclude each other is two families: they may point two ways."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rebuild, rewrite, topological
from lossc.compiler.ir.node import Node, conjuncts
from lossc.compiler.refactor.demand import Context


def split_by_filter(root: Node, make: NodeFactory, needed: dict[Node, list[Context]]) -> Node:
    """Gives a binary one copy for each of its contexts, where the contexts are disjoint.

    In f_beta, for example, a positive above the threshold helps and a negative above it hurts; in
    average precision a row counts its rivals among the positives apart from those among the
    negatives.

    Args:
        root: The refactored goal.
        make: Where new nodes come from.
        needed: The contexts of every node.
    """
    for binary in [node for node in topological([root]) if node.op == "binary"]:
        contexts = needed[binary]
        if len(contexts) > 1 and all(
            contradict(make, a, b) for i, a in enumerate(contexts) for b in contexts[i + 1 :]
        ):
            split = _tagged(root, make, binary, contexts)
            if split is not None:
                root = split
    return root


def contradict(make: NodeFactory, left: Context, right: Context) -> bool:
    """Whether two contexts cannot both hold: one has a condition, the other its negation."""
    return any(make.not_(condition) in right for condition in left)


def _tagged(root: Node, make: NodeFactory, binary: Node, contexts: list[Context]) -> Node | None:
    """``root`` with the copies told apart by the filter of the reduction around each use."""

    def rule(node: Node) -> Node | None:
        if not node.bound or node.op == "sort" or len(node.args) < 2:
            return None
        inside = {inner for inner in topological([node.args[0]]) if inner is binary}
        if not inside:
            return None
        where = frozenset(conjuncts(node.args[1]))
        fitting = [k for k, context in enumerate(contexts) if not contradict(make, where, context)]
        if len(fitting) != 1:
            return None
        copy = make.like(binary, binary.args, decided=True, part=fitting[0])
        body = rewrite(node.args[0], make, lambda inner: copy if inner is binary else None)
        return rebuild(make, node, (body, *node.args[1:]))

    split = rewrite(root, make, rule)
    return None if any(node is binary for node in topological([split])) else split
