"""Makes the nodes of a graph: the same request gives the same object, neutral parts fold away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from lossc.compiler.ir.node import Attr, Extent, Index, Kind, Node, conjuncts
from lossc.grammar.source import Span


class NodeFactory:
    """Makes nodes and indices; the same request gives the same object."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[object, ...], Node] = {}
        self._indices: dict[tuple[str, Extent], Index] = {}

    def index(self, name: str, extent: Extent) -> Index:
        key = (name, extent)
        if key not in self._indices:
            self._indices[key] = Index(name, extent, len(self._indices))
        return self._indices[key]

    def fresh(self, like: Index, taken: Iterable[str]) -> Index:
        """An index over the same extent whose letter is not among ``taken``."""
        names, name, number = set(taken), like.name, 2
        while name in names:
            name, number = f"{like.name}{number}", number + 1
        return self.index(name, like.extent)

    def __call__(
        self,
        op: str,
        *args: Node,
        kind: Kind = "real",
        span: Span | None = None,
        indices: Iterable[Index] | None = None,
        live: bool | None = None,
        decided: bool | None = None,
        **attrs: Attr,
    ) -> Node:
        """The node ``op(*args)``; free indices and liveness follow from ``args`` unless given."""
        return self._node(op, args, attrs, kind, span, indices, live, decided)

    def like(
        self, node: Node, args: Iterable[Node], decided: bool | None = None, **changed: Attr
    ) -> Node:
        """``node`` with other arguments, and with ``changed`` among its attributes."""
        attrs = {**dict(node.attrs), **changed}
        return self._node(node.op, tuple(args), attrs, node.kind, node.span, None, None, decided)

    def retyped(self, node: Node, kind: Kind) -> Node:
        """``node`` with values of another kind."""
        args, attrs = node.args, dict(node.attrs)
        return self._node(node.op, args, attrs, kind, node.span, None, None, node.decided)

    def _node(
        self,
        op: str,
        args: tuple[Node, ...],
        attrs: Mapping[str, Attr],
        kind: Kind,
        span: Span | None,
        indices: Iterable[Index] | None,
        live: bool | None,
        decided: bool | None,
    ) -> Node:
        if indices is None:
            bound = cast("tuple[Index, ...]", attrs.get("bound", ()))
            free = {i for arg in args for i in arg.indices} - set(bound)
        else:
            free = set(indices)
        ordered = tuple(sorted(free, key=lambda index: index.order))
        is_live = any(arg.live for arg in args) if live is None else live
        is_decided = any(arg.decided for arg in args) if decided is None else decided
        items = tuple(sorted(attrs.items(), key=lambda item: item[0]))
        typed = tuple((name, type(value), value) for name, value in items)
        key = (op, args, typed, kind, ordered, is_live, is_decided)
        found = self._nodes.get(key)
        if found is None:
            found = Node(op, args, items, kind, ordered, is_live, is_decided, span)
            self._nodes[key] = found
        return found

    # ------------------------------------------------------------------ shorthands

    def const(self, value: int | float | bool | str, span: Span | None = None) -> Node:
        kinds: dict[type, Kind] = {bool: "bool", int: "int", float: "real", str: "str"}
        return self("const", value=value, kind=kinds[type(value)], span=span)

    def at_index(self, index: Index, span: Span | None = None) -> Node:
        """The number that ``index`` stands at."""
        return self("index", index=index, kind="int", indices=(index,), span=span)

    def not_(self, node: Node) -> Node:
        if node.op == "not":
            return node.args[0]
        if node.op == "const":
            return self.const(not node.value)
        return self("not", node, kind="bool", span=node.span)

    def and_(self, *nodes: Node) -> Node:
        """The conjunction, without constants and repetitions."""
        parts: dict[Node, None] = {}
        for node in nodes:
            for part in conjuncts(node):
                parts[part] = None
        kept = [p for p in parts if not (p.op == "const" and p.value is True)]
        if any(p.op == "const" and p.value is False for p in kept):
            return self.const(False)
        if not kept:
            return self.const(True)
        result = kept[0]
        for part in kept[1:]:
            result = self("and", result, part, kind="bool", span=part.span)
        return result

    def or_(self, *nodes: Node) -> Node:
        kept = list(dict.fromkeys(n for n in nodes if not (n.op == "const" and n.value is False)))
        if any(n.op == "const" and n.value is True for n in kept):
            return self.const(True)
        if not kept:
            return self.const(False)
        result = kept[0]
        for part in kept[1:]:
            result = self("or", result, part, kind="bool", span=part.span)
        return result

    def iverson(self, node: Node) -> Node:
        """1 where the condition holds, else 0."""
        if node.op == "const":
            return self.const(int(bool(node.value)))
        return self("iverson", node, kind="int", span=node.span)

    def arithmetic(self, op: str, left: Node, right: Node, span: Span | None = None) -> Node:
        """``add sub mul div floordiv mod pow`` with the neutral elements folded away."""
        zero, one = _is_number(right, 0), _is_number(right, 1)
        if (op in ("add", "sub") and zero) or (op in ("mul", "div", "pow") and one):
            return left
        if (op == "add" and _is_number(left, 0)) or (op == "mul" and _is_number(left, 1)):
            return right
        if op == "mul" and (zero or _is_number(left, 0)):
            return self.const(0)
        exact = left.kind == right.kind == "int" and op != "div"
        if op == "pow" and not (
            right.op == "const" and isinstance(right.value, int) and right.value >= 0
        ):
            exact = False
        kind: Kind = "int" if exact else "real"
        # how often a value goes into another is a decision
        decided = True if op in ("floordiv", "mod") and (left.live or right.live) else None
        return self(op, left, right, kind=kind, span=span or left.span, decided=decided)

    def reduce(
        self,
        op: str,
        bound: Iterable[Index],
        body: Node,
        where: Node | None = None,
        span: Span | None = None,
    ) -> Node:
        """``op[bound | where] body``."""
        bound = tuple(bound)
        if where is not None and where.op == "const" and where.value is True:
            where = None
        if not bound:
            if where is None:
                return body
            if op in ("any", "all"):
                return self.and_(where, body) if op == "any" else self.or_(self.not_(where), body)
            return self.where(where, body, self.const(0))
        kind: Kind = body.kind
        if op in ("any", "all"):
            kind = "bool"
        elif op in ("mean", "logsumexp"):
            kind = "real"
        args = (body,) if where is None else (body, where)
        return self(op, *args, kind=kind, bound=bound, span=span or body.span)

    def where(self, condition: Node, yes: Node, no: Node, span: Span | None = None) -> Node:
        if condition.op == "const":
            return yes if condition.value else no
        if yes is no:
            return yes
        kind: Kind = yes.kind if yes.kind == no.kind else "real"
        return self("where", condition, yes, no, kind=kind, span=span or condition.span)


def _is_number(node: Node, value: int) -> bool:
    return node.op == "const" and not isinstance(node.value, (str, bool)) and node.value == value
