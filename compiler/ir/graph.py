"""The typed graph as a whole: a networkx DiGraph over nodes, and how passes rewrite it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import networkx as nx
from networkx import DiGraph

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node
from lossc.grammar import syntax

if TYPE_CHECKING:
    from lossc.compiler.front.term_calls import TermCall


@dataclass(frozen=True)
class Graph:
    """A spec's goal as one expression graph. Passes return new graphs; nothing is changed in place.

    Args:
        spec: The syntax that it came from.
        root: The value of the goal, a scalar node.
        goal: ``evaluate``, ``minimize`` or ``loss``.
        truth: Ideal scores by input name, each an array node, where the spec gives them.
        params: Parameter values in force.
        make: The factory that all nodes come from.
        calls: Terms that other specs compute.
    """

    spec: syntax.Spec
    root: Node
    goal: str
    truth: Mapping[str, Node]
    params: Mapping[str, int | float | str]
    make: NodeFactory
    calls: tuple[TermCall, ...] = ()

    def with_root(self, root: Node) -> Graph:
        return replace(self, root=root)


def labelled(
    nodes: Mapping[str, Mapping[str, str]], edges: Iterable[tuple[str, str]]
) -> DiGraph[str]:
    """A graph of named nodes with attributes, for pictures."""
    graph: DiGraph[str] = DiGraph()
    graph.add_nodes_from((name, dict(attributes)) for name, attributes in nodes.items())
    graph.add_edges_from(edges)
    return graph


def topological(roots: list[Node]) -> list[Node]:
    """Arguments before the operations that use them, in a reproducible order."""
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args) if arg not in done)
    return order


def dependency_order(edges: Mapping[str, set[str]]) -> tuple[list[str], list[str]]:
    """Names with what they use first, and one cycle if there is any (then the order is empty)."""
    graph: DiGraph[str] = DiGraph()
    graph.add_nodes_from(edges)
    graph.add_edges_from(
        (used, user) for user, uses in edges.items() for used in uses if used in edges
    )
    try:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return list(nx.lexicographical_topological_sort(graph, key=list(edges).index)), []
    return [], cycle


def rebuild(make: NodeFactory, node: Node, args: tuple[Node, ...]) -> Node:
    """``node`` with other arguments; free indices and liveness are derived anew."""
    if args == node.args:
        return node
    match node.op:
        case "not":
            return make.not_(*args)
        case "and":
            return make.and_(*args)
        case "or":
            return make.or_(*args)
        case "iverson":
            return make.iverson(*args)
        case "where":
            condition, yes, no = args
            return make.where(condition, yes, no, node.span)
        case "add" | "sub" | "mul" | "div" | "pow" | "mod" | "floordiv":
            left, right = args
            return make.arithmetic(node.op, left, right, node.span)
        case "eq" if args[0] is args[1] and args[0].kind == "int" and not args[0].decided:
            return make.const(True)
    return make.like(node, args, decided=_kept(node))


_KEEPS_DECIDED = frozenset(
    {
        *("lt", "le", "gt", "ge", "eq", "ne", "beats", "binary"),
        *("argmax", "winner", "sort", "rank", "sign", "floor", "ceil", "round"),
    }
)


def _kept(node: Node) -> bool | None:
    """Whether a node stays decided whatever its new arguments are; ``None``: they say it."""
    return True if node.op in _KEEPS_DECIDED and node.decided else None


def rewrite(root: Node, make: NodeFactory, rule: Callable[[Node], Node | None]) -> Node:
    """Applies ``rule`` to every node, arguments first; ``None`` keeps the node."""
    done: dict[Node, Node] = {}
    for node in topological([root]):
        fresh = rebuild(make, node, tuple(done[arg] for arg in node.args))
        changed = rule(fresh)
        done[node] = fresh if changed is None else changed
    return done[root]


def rewrite_free(
    root: Node, make: NodeFactory, rule: Callable[[Node], Node | None], letters: Collection[Index]
) -> Node:
    """Applies ``rule`` where ``letters`` mean what they do around ``root``.

    Definitions and whatever binds one of the letters have letters of their own.
    """
    own = set(letters)
    done: dict[Node, Node] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        closed = node.op == "define" or bool(own & set(node.bound))
        missing = [] if closed else [arg for arg in node.args if arg not in done]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node not in done:
            fresh = node
            if not closed:
                fresh = rebuild(make, node, tuple(done[arg] for arg in node.args))
                fresh = rule(fresh) or fresh
            done[node] = fresh
    return done[root]


def substitute(root: Node, make: NodeFactory, values: Mapping[Index, Node]) -> Node:
    """``root`` with free indices replaced by integer nodes.

    Indices that it binds are renamed where they would capture a free index of a replacement.
    """
    if not any(index in values for index in root.indices):
        return root
    incoming = {i.name for node in values.values() for i in node.indices}
    memo: dict[tuple[Node, frozenset[Index]], Node] = {}

    def visit(node: Node, active: Mapping[Index, Node]) -> Node:
        active = {i: v for i, v in active.items() if i in node.indices}
        if not active:
            return node
        key = (node, frozenset(active))
        if key in memo and all(values.get(i) is v for i, v in active.items()):
            return memo[key]
        if node.op == "index":
            return active[node.index]
        if node.bound:
            taken = incoming | {i.name for i in node.indices}
            fresh = {b: make.fresh(b, taken) for b in node.bound if b.name in incoming}
            inner = {**active, **{b: make.at_index(other) for b, other in fresh.items()}}
            args = tuple(visit(arg, inner) for arg in node.args)
            bound = tuple(fresh.get(b, b) for b in node.bound)
            result = make.like(node, args, decided=_kept(node), bound=bound)
        else:
            result = rebuild(make, node, tuple(visit(arg, active) for arg in node.args))
        if all(values.get(i) is v for i, v in active.items()):
            memo[key] = result
        return result

    return visit(root, values)
