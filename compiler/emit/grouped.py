"""Code for sums over the items of one's own group: by sorting, not by comparing all items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.ir.node import Index, Node, conjuncts

_TURNED = {"lt": "gt", "gt": "lt"}
_COUNTED = {"gt": "larger_in_group", "lt": "smaller_in_group", "ahead": "ahead_in_group"}


@dataclass(frozen=True)
class _Group:
    """``sum[j | rest(j) and key[j] == key[i] and x[j] <order> x[i]] body(j)``."""

    mine: Index
    theirs: Index
    key: Node
    rest: tuple[Node, ...]
    order: tuple[str, Node] | None
    body: Node


class Grouped(Part):
    """The part of the writer that knows groups of items."""

    group_numbers: dict[str, str]

    if TYPE_CHECKING:

        def name(self, wanted: str) -> str: ...

    def grouped(self, node: Node) -> Value | None:
        """A sum, mean or count within groups for every item at once; ``None`` for others.

        Rewrite: sum[j | key[j] == key[i]] x[j]         ->  sums_in_groups(x, numbers)
        Rewrite: count[j | key[j] == key[i] and x[j] > x[i]]  ->  larger_in_group(x, numbers)

        That takes one sort of the keys, and not a comparison of every item with every other.
        """
        if not self.by_groups or node.op not in ("sum", "mean") or len(node.bound) != 1:
            return None
        parts = _terms(node.args[0], 1) if node.op == "sum" else [(1, node.args[0])]
        found = [_find(node, body) for _, body in parts]
        groups = [one for one in found if one is not None]
        if len(groups) < len(found):
            return None
        if len(groups) == 1 and parts[0][0] == 1:
            return self._of_group(node, groups[0])
        if any(one.order is None for one in groups):
            return None
        code = ""
        for (sign, _), one in zip(parts, groups, strict=True):
            counted = self._of_group(node, one)
            code += (" - " if sign < 0 else " + " if code else "") + counted.code
        return Value(code.strip(), (groups[0].mine,), "int", level=12)

    def _of_group(self, node: Node, group: _Group) -> Value:
        numbers = self._numbers(group.key)
        mask = self._together(group.rest)
        if group.order is not None:
            which, array = group.order
            args = [self.value(array).code, numbers, *([mask.code] if mask else [])]
            return Value(self.call(_COUNTED[which], *args), (group.mine,), "int")
        body = self._selected_body(group, mask)
        code = self.call("sums_in_groups", body.code, numbers)
        kind = "int" if body.kind == "bool" else body.kind
        value = Value(code, (group.mine,), kind, batched=body.batched)
        if node.op == "sum":
            return value
        count = mask or self._everything(group)
        counted = self.call("sums_in_groups", count.code, numbers)
        code = self.call("divide", self.real(value).code, counted)
        return Value(code, (group.mine,), "real", batched=body.batched)

    def _selected_body(self, group: _Group, mask: Value | None) -> Value:
        node = group.body
        value = self.value(node.args[0] if node.op == "iverson" else node)
        if node.op == "const" and node.value == 1:
            return mask or self._everything(group)
        if value.scalar or not value.axes:
            whole = mask or self._everything(group)
            code = f"torch.where({whole.code}, {value.code}, 0)"
            return Value(code, (group.theirs,), value.kind, batched=value.batched)
        if mask is None:
            return value
        axes = union(value, mask)
        both = [align(one, axes) for one in (mask, value)]
        batched = mask.batched or value.batched
        if value.kind == "bool":
            code = f"{both[0].inside(10)} & {both[1].inside(11)}"
            return Value(code, axes, "bool", level=10, batched=batched)
        code = f"torch.where({both[0].code}, {both[1].code}, 0)"
        return Value(code, axes, value.kind, batched=batched)

    def _everything(self, group: _Group) -> Value:
        array = self.value(group.key)
        code = f"torch.ones_like({array.code}, dtype=torch.bool)"
        return Value(code, (group.theirs,), "bool")

    def _together(self, conditions: tuple[Node, ...]) -> Value | None:
        if not conditions:
            return None
        values = self.fitting(conditions)
        if len(values) == 1:
            return values[0]
        axes = union(*values)
        code = " & ".join(
            align(value, axes).inside(11 if k else 10) for k, value in enumerate(values)
        )
        return Value(code, axes, "bool", level=10, batched=any(v.batched for v in values))

    def _numbers(self, key: Node) -> str:
        code = self.value(key).code
        if code not in self.group_numbers:
            call = Value(self.call("group_numbers", code), (), "int")
            self.group_numbers[code] = self.assign("numbers", call).code
        return self.group_numbers[code]


def _terms(body: Node, sign: int) -> list[tuple[int, Node]]:
    """The signed summands of a difference of conditions, each as a number."""
    if body.op in ("add", "sub"):
        left, right = body.args
        return _terms(left, sign) + _terms(right, -sign if body.op == "sub" else sign)
    return [(sign, body)]


def _find(node: Node, body: Node) -> _Group | None:
    (theirs,) = node.bound
    conditions = list(conjuncts(node.args[1])) if len(node.args) > 1 else []
    if body.op == "iverson" and len(body.indices) > 1:
        conditions, body = [*conditions, *conjuncts(body.args[0])], _one(body)
    key: Node | None = None
    mine: Index | None = None
    order: tuple[str, Node] | None = None
    rest = []
    for condition in conditions:
        if set(condition.indices) <= {theirs}:
            if not condition.indices:
                return None
            rest.append(condition)
            continue
        pair = _same_key(condition, theirs)
        if pair is not None and key is None:
            key, mine = pair
            continue
        found = _order(condition, theirs)
        if found is None or order is not None:
            return None
        order = found
    if key is None or mine is None or set(body.indices) - {theirs}:
        return None
    if order is not None:
        wanted = {mine, theirs}
        fixed = not any(c.decided or c.live for c in conditions)
        one = body.op == "const" and body.value == 1
        if not (fixed and one) or any(set(c.indices) - wanted for c in conditions):
            return None
    return _Group(mine, theirs, key, tuple(rest), order, body)


def _one(body: Node) -> Node:
    """The constant 1, as what is summed where conditions hold."""
    return replace(body, op="const", args=(), attrs=(("value", 1),), kind="int", indices=())


def _same_key(condition: Node, theirs: Index) -> tuple[Node, Index] | None:
    """``key[j] == key[i]`` for one array of whole numbers: its read at j, and i."""
    if condition.op != "eq" or any(side.op != "at" for side in condition.args):
        return None
    for one, other in (condition.args, condition.args[::-1]):
        reads = one.args[1:] + other.args[1:]
        if one.args[0] is not other.args[0] or one.kind != "int" or len(reads) != 2:
            continue
        a, b = reads
        if a.op == b.op == "index" and a.index is theirs and b.index is not theirs:
            return (one, b.index) if a.index.extent == b.index.extent else None
    return None


def _order(condition: Node, theirs: Index) -> tuple[str, Node] | None:
    """``x[j] > x[i]``, ``x[j] < x[i]``, or larger and, if equal, earlier."""
    if condition.op in _TURNED:
        left, right = condition.args
        for one, other, op in ((left, right, condition.op), (right, left, _TURNED[condition.op])):
            if _is_read(one, other, theirs):
                return op, one
    if condition.op == "or":
        larger, rest = condition.args
        found = _order(larger, theirs)
        parts = conjuncts(rest)
        if found is None or found[0] != "gt" or len(parts) != 2:
            return None
        equal, earlier = sorted(parts, key=lambda part: part.op != "eq")
        same = equal.op == "eq" and set(equal.args) == set(larger.args)
        before = earlier.op == "lt" and earlier.args[0].op == earlier.args[1].op == "index"
        if same and before and earlier.args[0].index is theirs:
            return "ahead", found[1]
    return None


def _is_read(one: Node, other: Node, theirs: Index) -> bool:
    """Whether two nodes read one array, the first at j, the second at another letter."""
    if one.op != "at" or other.op != "at" or one.args[0] is not other.args[0]:
        return False
    if len(one.args) != 2 or one.args[1].op != "index" or other.args[1].op != "index":
        return False
    a, b = one.args[1].index, other.args[1].index
    return a is theirs and b is not theirs and a.extent == b.extent
