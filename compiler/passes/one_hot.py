"""Losses that are one thing where a condition holds and another elsewhere: computed once."""

from __future__ import annotations

from lossc.compiler.front.constants import fold
from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.verify import ELEMENTWISE
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.element import Element, Elements, opened
from lossc.compiler.symbolic.mirror import mirrored_leaf

_REFOLDED = ("add", "sub", "mul", "div", "neg", "pow")


def one_hot(graph: Graph) -> Graph:
    """A sum over both cases of a condition, as a choice; one evaluation where the cases mirror.

    Rewrite: [c] * f(x) + (1 - [c]) * f(-x)  ->  f(where(c, x, -x))
    Rewrite: [c] * f(x) + (1 - [c]) * g(x)   ->  where(c, f(x), g(x))

    sympy decides whether the cases mirror each other, as in binary cross entropy and focal loss.
    The case that does not hold no longer has to be finite; where one could be undefined, the sum
    stays as it is.
    """
    make = graph.make
    elements = Elements(make, Signs(graph.spec, graph.params))

    def rule(node: Node) -> Node | None:
        if node.op not in ("sum", "mean") or not node.args[0].live or node.args[0].decided:
            return None
        body = _as_choice(make, elements, node.args[0])
        return None if body is None else make.like(node, (body, *node.args[1:]))

    return graph.with_root(rewrite(graph.root, make, rule))


def _as_choice(make: NodeFactory, elements: Elements, body: Node) -> Node | None:
    conditions = _conditions(make, body)
    if len(conditions) != 1 or may_be_undefined(body):
        return None
    (condition,) = conditions
    yes, no = (_assuming(make, body, {condition: make.const(held)}) for held in (True, False))
    if not (yes.live and no.live):
        return None
    either, other = elements.element(yes), elements.element(no)
    leaf = _shared_leaf(either, other)
    if leaf is not None and mirrored_leaf(either, other, leaf):
        negated = make("neg", leaf, kind="real", span=leaf.span)
        turned = make.where(condition, leaf, negated, leaf.span)
        return _assuming(make, yes, {leaf: turned})
    if not conditions[condition] or not either.cost + other.cost:
        return None  # a choice already, or so cheap that the sum is as fast
    return make.where(condition, yes, no, body.span)


def _conditions(make: NodeFactory, body: Node) -> dict[Node, bool]:
    """The fixed conditions in the elementwise part of ``body``, and whether one is a number there.

    A choice that the spec writes as ``where`` is a choice already.
    """
    found: dict[Node, bool] = {}
    stack, seen = [body], set[Node]()
    while stack:
        node = opened(make, stack.pop())
        if node in seen:
            continue
        seen.add(node)
        if node.op == "iverson":
            found[node.args[0]] = True
        elif node.op == "where":
            found.setdefault(node.args[0], False)
            stack.extend(node.args[1:])
        elif node.op in ELEMENTWISE and node.op != "detach":
            stack.extend(node.args)
    return {condition: number for condition, number in found.items() if not condition.live}


def _shared_leaf(either: Element, other: Element) -> Node | None:
    """The one live leaf of both cases."""
    nodes = {leaf.node for leaf in (*either.live, *other.live)}
    return nodes.pop() if len(nodes) == 1 else None


def _assuming(make: NodeFactory, body: Node, values: dict[Node, Node]) -> Node:
    """``body`` with other values of some parts, through definitions, constants folded."""
    done: dict[Node, Node] = {}

    def visit(node: Node) -> Node:
        if node in values:
            return values[node]
        if node not in done:
            inside = opened(make, node)
            if inside in values:
                done[node] = values[inside]
            elif inside.op in ELEMENTWISE and inside.op != "detach":
                args = tuple(visit(arg) for arg in inside.args)
                same = args == inside.args
                # what did not change keeps its definition
                done[node] = node if same else _folded(make, rebuild(make, inside, args))
            else:
                done[node] = node
        return done[node]

    return visit(body)


def _folded(make: NodeFactory, node: Node) -> Node:
    args = node.args
    if node.op in _REFOLDED and all(arg.op == "const" for arg in args):
        value = fold(node.op, *(arg.number for arg in args))
        return node if value is None else make.const(value, node.span)
    if node.op == "sub" and args[0].op == "const" and args[0].value == 0:
        return make("neg", args[1], kind=args[1].kind, span=node.span)
    return node
