"""From a metric of hard row counts to one of relaxed counts, whose gradient is not zero."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rebuild, topological
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.refactor.rows import Literal, RowFamily
from lossc.compiler.relaxed.conditions import Conditions
from lossc.compiler.relaxed.lookups import Lookups
from lossc.compiler.relaxed.norms import Norm, opposite
from lossc.compiler.relaxed.reductions import Reductions
from lossc.compiler.relaxed.same_counts import same_count, stored_count

_NO_GRADIENT = frozenset({"floor", "ceil", "round", "sign", "floordiv", "mod", "rank"})


def relaxed(
    root: Node,
    make: NodeFactory,
    norm: Norm,
    families: tuple[RowFamily, ...],
    bound: bool = False,
) -> Node:
    """The metric with relaxed binaries put into it.

    Every decided condition becomes a number from 0 to 1, every count a sum of such numbers:

    Rewrite: [wins == count]        ->  every(u) of the row, by the t-norm
    Rewrite: [x > y] of counts      ->  the step relaxation of x - y - 1/2
    Rewrite: sum[i | b] x           ->  sum[i] u x
    Rewrite: wins of x[i] <= x[j]   ->  those of x[i] < x[j], which differ at ties only
    Rewrite: table[count]           ->  the line between the two nearest entries
    Rewrite: sort, min, max         ->  the same, of relaxed values

    It is the metric where all binaries are 0 or 1 and the step is hard.

    Args:
        root: A metric over its row counts (``ones``).
        make: Where new nodes come from.
        norm: What and, or, all and any become.
        families: What is counted.
        bound: Whether the result must be a lower bound, which a relaxed comparison of counts is
            not.

    Raises:
        SpecError: Something in the metric has no relaxation.
    """
    relaxation = _Relaxation(make, norm, bound)
    relaxation.families = () if bound else families
    return relaxation.of(root)


def is_linear(root: Node) -> bool:
    """Whether a relaxed metric is linear in its counts, by its form."""
    for node in topological([root]):
        if not node.decided or node.op in ("ones", "every", "some", "add", "sub", "neg", "define"):
            continue
        if node.op in ("sum", "mean", "else", "where", "at"):
            if any(arg.decided for arg in node.args[1:] if node.op != "where"):
                return False
        elif node.op == "mul":
            if all(arg.decided for arg in node.args):
                return False
        elif node.op != "div" or node.args[1].decided:
            return False
    return True


class _Relaxation(Conditions, Reductions, Lookups):
    """Relaxed nodes by the hard ones; what is not decided stays as it is."""

    def of(self, root: Node) -> Node:
        for node in topological([root]):
            self.done[node] = self._relaxed(node) if node.decided else node
        return self.done[root]

    def _relaxed(self, node: Node) -> Node:
        said = dict(node.attrs).get("literal")
        if isinstance(said, Literal):
            return self._literal(node, said)
        rule = getattr(self, f"_{node.op}", None)
        if rule is not None:
            found: Node = rule(node)
            return found
        if node.op in _NO_GRADIENT:
            self.refuse(
                node,
                f"{node.op} of a value that decisions have made has no gradient, so that relaxed "
                "binaries cannot be put into it",
            )
        return self._plain(node)

    families: tuple[RowFamily, ...] = ()

    def _ones(self, node: Node) -> Node:
        """A count; where another family, or the same one, has it already, in terms of that.

        Relaxed counts of [x > y] and of [x >= y] are one number. Computed twice, they would differ
        by rounding, and a metric may divide by their difference.
        """
        number, opposite_of = same_count(self.families, node.family, node.against)
        if node.family >= len(self.families) or not node.letters:
            return self._leaf("ones", node.family, node.letters, node.against, node)
        leaf = self._leaf("ones", number, node.letters, False, node)
        if not opposite_of:
            return leaf
        return self.joined(
            "sub", stored_count(self.make, self.families[node.family], node), leaf, node
        )

    def _leaf(
        self, op: str, family: int, letters: tuple[Index, ...], against: bool, node: Node
    ) -> Node:
        return self.make(
            op,
            family=family,
            letters=letters,
            against=against,
            kind="real",
            indices=letters,
            live=True,
            decided=True,
            span=node.span,
        )

    def _literal(self, node: Node, said: Literal) -> Node:
        leaf = self._leaf(said.which, said.family, said.letters, said.against, node)
        return opposite(self.make, leaf) if said.negated else leaf

    def _plain(self, node: Node) -> Node:
        """The same operation on relaxed arguments; whole numbers are whole no longer."""
        args = tuple(self.done[arg] for arg in node.args)
        if args == node.args:
            return node
        if node.op in ("add", "sub", "mul", "div", "pow"):
            left, right = args
            return self.joined(node.op, left, right, node)
        made = rebuild(self.make, node, args)
        if made.kind == "real":
            return made
        return self.make.retyped(made, "real")
