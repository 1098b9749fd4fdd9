"""The row-count form: a metric that needs of its binaries only how many of each row are won.

A family's row is all its comparisons that one reduction adds up. Where every use of a family is such a
reduction, the metric becomes a function of one count a row; a family for which that fails keeps each
binary as a row of its own (the dense form), and the same code serves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lossc.compiler.families import Family
from lossc.compiler.ir.graph import rebuild, rewrite, topological
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.linear import linear_form


@dataclass(frozen=True)
class RowFamily:
    """A family with its axes: ``rows`` first, then the ``columns`` that are counted away."""

    family: Family
    rows: tuple[Index, ...]
    columns: tuple[Index, ...]

    @property
    def axes(self) -> tuple[Index, ...]:
        return self.rows + self.columns

    @property
    def dense(self) -> bool:
        """Whether the metric needs single binaries of more than one axis of this family."""
        return not self.columns and len(self.rows) > 1


def count_rows(
    root: Node, families: tuple[Family, ...], make: NodeFactory, signs: Signs, dense: bool = False
) -> tuple[Node, tuple[RowFamily, ...]]:
    """The goal as a function of row counts (``ones`` nodes), and the axes of each family.

    Args:
        root: The goal over oriented binaries.
        families: From :func:`lossc.compiler.families.find_families`.
        make: Where new nodes come from.
        signs: What is known of leaves.
        dense: Keep every binary, even where counts would do.
    """
    direct = (
        {}
        if dense
        else {n: use for n in topological([root]) if (use := _use(n, families, make, signs))}
    )
    raw = {binary for binary in _raw_binaries(root, set(direct))}
    counted: list[RowFamily] = []
    for family in families:
        columns = () if family.binary in raw else _columns(family, direct)
        counted.append(_axes(family, columns))
    by_binary = {row.family.binary: (number, row) for number, row in enumerate(counted)}
    done: dict[Node, Node] = {}
    for node in topological([root]):
        use = direct.get(node)
        if use is not None and all(by_binary[b][1].columns for b in use.binaries):
            done[node] = _count(node, use, by_binary, make)
        elif node.op == "binary":
            done[node] = _single(make, *by_binary[node])
        else:
            done[node] = _rebuilt(make, node, done)
    return done[root], tuple(counted)


def _rebuilt(make: NodeFactory, node: Node, done: dict[Node, Node]) -> Node:
    return rebuild(make, node, tuple(done[arg] for arg in node.args))


def _single(make: NodeFactory, number: int, row: RowFamily) -> Node:
    won = _ones(make, number, row)
    return make("gt", won, make.const(0), kind="bool", span=row.family.binary.span, decided=True)


def _ones(make: NodeFactory, number: int, row: RowFamily) -> Node:
    return make(
        "ones",
        family=number,
        kind="int",
        indices=row.rows,
        live=True,
        decided=True,
        span=row.family.binary.span,
    )


def _axes(family: Family, columns: tuple[Index, ...]) -> RowFamily:
    rows = tuple(index for index in family.binary.indices if index not in columns)
    if family.mirrored is not None:
        p, q = family.mirrored
        if p in columns:
            p, q = q, p
        others = tuple(index for index in rows if index not in (p, q))
        # mirrored indices are the last two axes, so that the mirror image is a transpose
        return (
            RowFamily(family, (*others, p), (q,))
            if columns
            else RowFamily(family, (*others, p, q), ())
        )
    return RowFamily(family, rows, columns)


# ---------------------------------------------------------------------- uses


@dataclass(frozen=True)
class _Use:
    """A reduction right over binaries: linear for sum and mean, one literal for any and all."""

    binaries: tuple[Node, ...]
    constant: Node | None = None
    coefficients: tuple[Node, ...] = ()
    negated: bool = False
    with_itself: bool | None = None


def _use(node: Node, families: tuple[Family, ...], make: NodeFactory, signs: Signs) -> _Use | None:
    if node.op in ("any", "all"):
        return _literal(node.args[0])
    if node.op not in ("sum", "mean"):
        return None
    body = _opened(node.args[0], make)
    binaries = [family.binary for family in families]
    literals = {make.iverson(b): b for b in binaries if set(b.indices) & set(node.bound)}
    negations = {make.iverson(make.not_(b)): i for i, b in literals.items()}
    body = rewrite(
        body,
        make,
        lambda n: make.arithmetic("sub", make.const(1), negations[n]) if n in negations else None,
    )
    form = linear_form(body, literals, make, signs)
    if form is None or not form[1]:
        return None
    constant, coefficients = form
    return _Use(tuple(literals[i] for i in coefficients), constant, tuple(coefficients.values()))


def _literal(body: Node) -> _Use | None:
    with_itself = None
    if body.op == "where" and body.args[1].op == "const":
        with_itself, body = bool(body.args[1].value), body.args[2]
    negated = body.op == "not"
    if negated:
        body = body.args[0]
    return _Use((body,), negated=negated, with_itself=with_itself) if body.op == "binary" else None


def _opened(body: Node, make: NodeFactory) -> Node:
    """``where(same, k, e)`` as ``e + [same] (k - e at zero)``: binaries count as lost where they are not stored."""

    def rule(node: Node) -> Node | None:
        if node.op == "iverson" and node.args[0].op == "where":
            same, constant, outcome = node.args[0].args
            node = make.where(same, make.iverson(constant), make.iverson(outcome), node.span)
        if (
            node.op != "where"
            or node.args[1].op != "const"
            or node.args[0].live
            or node.kind == "bool"
        ):
            return None
        same, constant, outcome = node.args
        at_zero = rewrite(outcome, make, _zero(make))
        gap = make.arithmetic("sub", constant, at_zero)
        if gap.op == "sub" and gap.args[0] is gap.args[1]:
            return outcome
        if gap.op == "sub" and all(a.op == "const" for a in gap.args):
            difference = gap.args[0].value - gap.args[1].value  # type: ignore[operator]
            if difference == 0:
                return outcome
            gap = make.const(difference)
        return make.arithmetic("add", outcome, make.arithmetic("mul", make.iverson(same), gap))

    return rewrite(body, make, rule)


def _zero(make: NodeFactory):  # type: ignore[no-untyped-def]
    def rule(node: Node) -> Node | None:
        return make.const(False) if node.op == "binary" else None

    return rule


def _raw_binaries(root: Node, direct: set[Node]) -> Iterator[Node]:
    """Binaries that are used outside any direct reduction."""
    seen = {root}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.op == "binary":
            yield node
        args = node.args[1:] if node in direct else node.args
        for arg in args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)


def _columns(family: Family, direct: dict[Node, _Use]) -> tuple[Index, ...]:
    """The axes that all uses add up, if each adds up exactly the comparisons that are stored."""
    uses = [(node, use) for node, use in direct.items() if family.binary in use.binaries]
    columns = set(family.binary.indices)
    for node, _ in uses:
        columns &= set(node.bound)
    if family.mirrored is not None:
        columns &= set(family.mirrored)
        if len(columns) == 2:
            columns = {family.mirrored[1]}
    if not columns or family.conditions is None:
        return ()
    wanted = {c for c in family.conditions if set(c.indices) & columns}
    for node, use in uses:
        where = conjuncts(node.args[1]) if len(node.args) > 1 else ()
        if {c for c in where if set(c.indices) & columns} != wanted:
            return ()
        if any(set(c.indices) & columns for c in use.coefficients):
            return ()
    return tuple(index for index in family.binary.indices if index in columns)


# ---------------------------------------------------------------------- rewriting


def _count(
    node: Node, use: _Use, by_binary: dict[Node, tuple[int, RowFamily]], make: NodeFactory
) -> Node:
    where = node.args[1] if len(node.args) > 1 else make.const(True)
    if node.op in ("any", "all"):
        return _count_literal(node, use, by_binary, where, make)
    assert use.constant is not None
    total = make.const(0)
    if not (use.constant.op == "const" and use.constant.value == 0):
        total = make.reduce("sum", node.bound, use.constant, where, node.span)
        total = _size(total, make) or total
    for binary, coefficient in zip(use.binaries, use.coefficients, strict=True):
        number, row = by_binary[binary]
        rest = tuple(index for index in node.bound if index not in row.columns)
        negative = coefficient.op == "const" and coefficient.value < 0  # type: ignore[operator]
        if negative:
            coefficient = make.const(-coefficient.value)  # type: ignore[operator]
        won = make.arithmetic("mul", coefficient, _ones(make, number, row), node.span)
        part = make.reduce("sum", rest, won, None, node.span)
        total = make.arithmetic("sub" if negative else "add", total, part, node.span)
    if node.op == "sum":
        return total
    count = make.reduce("sum", node.bound, make.const(1), where, node.span)
    return make.arithmetic("div", total, _size(count, make) or count, node.span)


def _size(node: Node, make: NodeFactory) -> Node | None:
    """``sum[i] 1`` over whole dims as the product of the dims; all but one if one item is left out."""
    if node.op != "sum" or node.args[0].op != "const":
        return None
    left_out = 0
    if len(node.args) > 1:
        if (
            len(node.bound) > 1
            or node.args[0].value != 1
            or not _all_but_one(node.args[1], node.bound[0])
        ):
            return None
        left_out = 1
    total = node.args[0]
    for index in node.bound:
        extent = index.extent
        size = (
            make.const(extent.size)
            if isinstance(extent.size, int)
            else make("dim", name=extent.size, kind="int", span=node.span)
        )
        total = make.arithmetic(
            "mul", total, make.arithmetic("add", size, make.const(extent.extra))
        )
    return make.arithmetic("sub", total, make.const(left_out), node.span)


def _all_but_one(where: Node, index: Index) -> bool:
    """``j != e`` with e surely among the values of j."""
    if where.op == "not" and where.args[0].op == "eq":
        where = where.args[0]
    elif where.op != "ne":
        return False
    sides = [a for a in where.args if not (a.op == "index" and a.attr("index") is index)]
    if len(sides) != 1 or index in sides[0].indices:
        return False
    (other,) = sides
    if other.op == "index":
        return other.attr("index").extent == index.extent  # type: ignore[attr-defined]
    if other.op == "at" and other.args[0].op == "input":
        return other.args[0].attr("below") == index.extent
    return False


def _count_literal(
    node: Node,
    use: _Use,
    by_binary: dict[Node, tuple[int, RowFamily]],
    where: Node,
    make: NodeFactory,
) -> Node:
    """All and any over one family: every row has all, or some, of its comparisons won."""
    number, row = by_binary[use.binaries[0]]
    won = _ones(make, number, row)
    same = row.family.binary.args[3]
    rest = tuple(index for index in node.bound if index not in row.columns)

    def compare(op: str, left: Node, right: Node) -> Node:
        return make(op, left, right, kind="bool", span=node.span, decided=True)

    if (node.op == "all") == use.negated:  # all lost, or some won
        outcome = compare("eq" if node.op == "all" else "gt", won, make.const(0))
    else:
        there = make.and_(where, make.not_(same))
        size = make.reduce("sum", row.columns, make.const(1), there, node.span)
        size = _size(size, make) or size
        outcome = compare("eq" if node.op == "all" else "lt", won, size)
    if use.with_itself is not None and use.with_itself != (node.op == "all"):
        meets = make.reduce("any", row.columns, same, where, node.span)
        outcome = (
            make.or_(outcome, meets) if node.op == "any" else make.and_(outcome, make.not_(meets))
        )
    return make.reduce(node.op, rest, outcome, _outer(where, row.columns, make), node.span)


def _outer(where: Node, columns: tuple[Index, ...], make: NodeFactory) -> Node:
    return make.and_(*(c for c in conjuncts(where) if not set(c.indices) & set(columns)))
