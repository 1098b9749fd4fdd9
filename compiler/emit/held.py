"""What a loss detaches, computed from detached scores: autograd records nothing of it.

Emission alone needs this. The graph keeps its ``detach``, which says the same.
"""

from __future__ import annotations

from lossc.compiler.emit.names import identifier
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rebuild, rewrite, substitute, topological
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.verify import ELEMENTWISE
from lossc.compiler.passes.seen_through import seen_through

_RISING = frozenset({"sigmoid", "exp", "tanh", "softplus"})
_READABLE = ELEMENTWISE | {"at", "define", "const", "index", "param", "dim", "input"}


class Held:
    """Makes detached twins of nodes.

    Args:
        make: The factory of the graph's nodes.
        taken: Python names that inputs must not get.
    """

    def __init__(self, make: NodeFactory, taken: set[str]):
        self.make, self.taken = make, taken
        self.names: dict[str, str] = {}  # of the detached twin, by the name of its node
        self.sources: dict[str, str] = {}  # the input, by the same name
        self._done: dict[Node, Node] = {}

    def detached(self, root: Node) -> Node:
        """``root`` with every ``detach`` carried down to the inputs.

        Rewrite: detach(f(x[i]))  ->  f(fixed_x[i])
        """
        return rewrite(root, self.make, self._rule)

    def _rule(self, node: Node) -> Node | None:
        if node.op == "detach":
            return self.twin(node.args[0])
        return self._settled(node)

    def _settled(self, node: Node) -> Node:
        """A comparison of numbers without gradient decides nothing that is trained."""
        if node.decided and not node.live:
            return self.make.like(node, node.args)
        return node

    def twin(self, root: Node) -> Node:
        """``root`` of detached inputs.

        Rewrite: max[c] sigmoid(x[c])  ->  sigmoid(max[c] x[c])
        """
        for node in topological([root]):
            if node in self._done:
                continue
            if not node.live:
                self._done[node] = node
            elif node.op == "input":
                self._done[node] = self._input(node)
            else:
                fresh = rebuild(self.make, node, tuple(self._done[arg] for arg in node.args))
                fresh = self._settled(fresh.args[0] if fresh.op == "detach" else fresh)
                self._done[node] = self._outside(fresh)
        return self._done[root]

    def _input(self, node: Node) -> Node:
        own = f"fixed {node.name}"  # with a blank, so that no spec has an input of this name
        if own not in self.names:
            self.names[own] = identifier(own.replace(" ", "_"), self.taken)
            self.taken.add(self.names[own])
            self.sources[own] = node.name
        return self.make.like(node, (), name=own)

    def _outside(self, node: Node) -> Node:
        """An extreme of a rising function is the function of the extreme: fewer of them."""
        if node.op not in ("max", "min"):
            return node
        body = seen_through(self.make, node.args[0])
        if body.op not in _RISING:
            return node
        extreme = self.make.like(node, (body.args[0], *node.args[1:]))
        return self.make(body.op, extreme, kind="real", span=node.span)


def read_through(root: Node, make: NodeFactory) -> Node:
    """What is read from an elementwise definition at a computed place is computed there alone.

    Rewrite: q[i, label[i]]  ->  sigmoid(x[i, label[i]])     with q[i, c] = sigmoid(x[i, c])
    """
    done: dict[Node, Node] = {}

    def rule(node: Node) -> Node | None:
        if node.op != "at" or node.args[0].op != "define" or node.decided:
            return None
        define, *places = node.args
        if all(place.op == "index" for place in places) or any(place.live for place in places):
            return None
        if not _is_elementwise(define.args[0]):
            return None
        fresh = substitute(define.args[0], make, dict(zip(define.bound, places, strict=True)))
        if fresh not in done:
            done[fresh] = rewrite(fresh, make, rule)
        return done[fresh]

    return rewrite(root, make, rule)


def _is_elementwise(body: Node) -> bool:
    """Whether a body costs as little at one place as it does for each of all places."""
    stack = [body]
    while stack:
        node = stack.pop()
        if node.op not in _READABLE:
            return False
        if node.op != "at":  # what it reads is made once, wherever it is read
            stack.extend(node.args)
    return True
