"""How a metric uses its binaries: which reductions add them up, and over which axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite, topological
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.refactor.families import Family
from lossc.compiler.refactor.pairs import condition_key
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.linear import linear_form


@dataclass(frozen=True)
class Use:
    """A reduction right over binaries: linear for sum and mean, one literal for any and all."""

    binaries: tuple[Node, ...]
    constant: Node | None = None
    coefficients: tuple[Node, ...] = ()
    negated: bool = False
    with_itself: bool | None = None


def readings_of(families: tuple[Family, ...]) -> frozenset[Node]:
    """Every comparison of the families, and those that are read the other way round."""
    both = (binary for family in families for binary in (family.binary, family.twin))
    return frozenset(binary for binary in both if binary is not None)


def find_use(node: Node, readings: frozenset[Node], make: NodeFactory, signs: Signs) -> Use | None:
    """How a reduction uses binaries, if it does so directly; ``None`` for any other node."""
    if node.op in ("any", "all"):
        return _literal(node.args[0])
    if node.op not in ("sum", "mean"):
        return None
    inside = [n for n in topological([node.args[0]]) if n in readings]
    asked = [binary for binary in inside if set(binary.indices) & set(node.bound)]
    if not asked:
        return None
    body = _opened(node.args[0], make)
    literals = {make.iverson(binary): binary for binary in asked}
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
    return Use(tuple(literals[i] for i in coefficients), constant, tuple(coefficients.values()))


def _literal(body: Node) -> Use | None:
    with_itself = None
    if body.op == "where" and body.args[1].op == "const":
        with_itself, body = bool(body.args[1].value), body.args[2]
    negated = body.op == "not"
    if negated:
        body = body.args[0]
    return Use((body,), negated=negated, with_itself=with_itself) if body.op == "binary" else None


def _opened(body: Node, make: NodeFactory) -> Node:
    """``where(same, k, e)`` as ``e + [same] (k - e at zero)``: what is not stored is lost."""
    lost = make.const(False)

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
        at_zero = rewrite(outcome, make, lambda n: lost if n.op == "binary" else None)
        gap = make.arithmetic("sub", constant, at_zero)
        if gap.op == "sub" and gap.args[0] is gap.args[1]:
            return outcome
        if gap.op == "sub" and all(a.op == "const" for a in gap.args):
            difference = gap.args[0].number - gap.args[1].number
            if difference == 0:
                return outcome
            gap = make.const(difference)
        return make.arithmetic("add", outcome, make.arithmetic("mul", make.iverson(same), gap))

    return rewrite(body, make, rule)


def raw_binaries(root: Node, direct: set[Node]) -> Iterator[Node]:
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


def shared_columns(
    family: Family, direct: Mapping[Node, list[tuple[Node, Use]]]
) -> tuple[Index, ...]:
    """The axes that all uses add up, if each adds up exactly the comparisons that are stored.

    Args:
        family: The comparisons.
        direct: The direct uses of each comparison.
    """
    columns = set(family.binary.indices)
    if family.mirrored is not None:
        columns &= set(family.countable)
    uses = list(direct.get(family.binary, []))
    if family.twin is not None:
        uses += direct.get(family.twin, [])
    for node, _ in uses:
        columns &= set(node.bound)
    if family.mirrored is not None and len(columns) > 1:
        return ()
    if family.pair is not None and len(columns & set(family.pair)) != 1:
        return ()
    if family.pair is not None:
        columns &= set(family.pair)
    wanted = {_asked(context, columns) for context in family.contexts}
    if not columns or len(wanted) != 1:
        return ()
    for node, use in uses:
        where = conjuncts(node.args[1]) if len(node.args) > 1 else ()
        if _asked(where, columns) not in wanted:
            return ()
        if any(set(c.indices) & columns for c in use.coefficients):
            return ()
    return tuple(index for index in family.binary.indices if index in columns)


def _asked(conditions: Iterable[Node], columns: set[Index]) -> frozenset[object]:
    return frozenset(condition_key(c) for c in conditions if set(c.indices) & columns)
