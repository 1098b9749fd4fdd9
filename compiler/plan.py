"""The plan of a loss: its four stages, the families with their axes, and where the best one is."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import PurePath

from lossc.compiler.discrete import PASSES
from lossc.compiler.front.properties import may_be_undefined, never_zero
from lossc.compiler.front.scope import MOST_ITEMS
from lossc.compiler.ir.graph import Graph
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.text import text
from lossc.compiler.ir.verify import OPERATIONS, REFACTORED, verify
from lossc.compiler.passes.guarded_choices import guarded
from lossc.compiler.passes.losses import LOSS_PASSES
from lossc.compiler.refactor.families import find_families
from lossc.compiler.refactor.rows import RowFamily, count_rows
from lossc.compiler.refactor.separable import Separable, separable
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.simplify import simplified
from lossc.grammar.errors import Diagnostic, SpecError


@dataclass(frozen=True)
class Plan:
    """Everything that emission needs.

    Args:
        graph: The spec as written.
        root: The metric as a function of row counts (``ones`` nodes); the graph's own root for a
            ``loss``.
        families: The comparison families, in flat order.
        signs: What is known of signs.
        uses_truth: Whether the best configuration comes from the spec's ideal scores at run time.
        undefined: What to say where the metric has no value.
        published_consistency: Whether configurations that no scores have count as 0.
        free_ties: Whether equal ideal scores may stand in any order: then the current one will do.
        ideal: The ideal scores that the metric itself suggested, if they come from there.
        needs_best: Whether the loss needs the best configuration at all.
    """

    graph: Graph
    root: Node
    families: tuple[RowFamily, ...]
    signs: Signs
    uses_truth: bool
    undefined: str
    published_consistency: bool = False
    free_ties: bool = False
    ideal: str = ""
    needs_best: bool = True

    @functools.cached_property
    def pairs(self) -> tuple[Separable | None, ...]:
        """Each family as pairs of items; ``None`` for those that are none, or are small."""
        found = []
        for row in self.families:
            pairs = separable(row, self.graph.make)
            # all classes of an example: there are few of them, and every pair is needed
            small = row.family.mirrored is not None and pairs is not None and bool(pairs.batch)
            found.append(None if small else pairs)
        return tuple(found)

    @property
    def best_pairs(self) -> bool:
        """Whether all comparisons are pairs that are best won, so that idw may sort them."""
        plain = not (self.uses_truth or self.published_consistency)
        single = not any(row.both_ways or row.family.mirrored for row in self.families)
        return plain and all(self.pairs) and single

    @property
    def is_metric(self) -> bool:
        return self.graph.goal != "loss"

    @property
    def form(self) -> str:
        """``row-count`` or ``dense``."""
        return "dense" if any(row.dense for row in self.families) else "row-count"


def make_plan(
    graph: Graph,
    dense: bool = False,
    published_consistency: bool = False,
    needs_best: bool = True,
) -> Plan:
    """Refactors a graph.

    Args:
        graph: The typed graph.
        dense: Keep every binary by itself, even where counts would do.
        published_consistency: Count configurations that no scores have as 0; needs every binary.
        needs_best: Whether the best configuration must be known.

    Raises:
        SpecError: The best configuration cannot be derived, or a construct has no refactoring.
    """
    signs = Signs(graph.spec, graph.params)
    if graph.goal == "loss":
        stable = graph
        for rewriting in LOSS_PASSES:
            stable = rewriting(stable)
            verify(stable.root, rewriting.__name__)
        message = undefined_message(graph) if _first_undefined(graph.root) else ""
        return Plan(stable, stable.root, (), signs, False, message)
    refactored = graph
    for rewriting in PASSES:
        refactored = rewriting(refactored)
        verify(refactored.root, rewriting.__name__, OPERATIONS)
    verify(refactored.root, "refactoring", REFACTORED)
    root, families = find_families(refactored.root, graph.make, signs, graph.goal != "minimize")
    # that winning helps in one row says nothing of the row that loses by it
    open_ = any(family.direction == 0 or family.mirrored is not None for family in families)
    uses_truth = needs_best and open_ and bool(graph.truth)
    for family in families:
        if needs_best and family.direction == 0 and not graph.truth:
            raise SpecError(
                Diagnostic(
                    family.binary.span,
                    "unknown-best",
                    f"whether winning {text(family.binary)} helps or hurts could not be derived",
                    hint=f"add `truth {_ideal(graph)} = ...`: scores for which the metric is best",
                )
            )
    root, rows = count_rows(root, families, graph.make, signs, dense or published_consistency)
    root = guarded(simplified(root, graph.make, signs), graph.make)
    verify(root, "count_rows")
    _refuse_too_many_pairs(rows)
    if not rows:
        raise SpecError(
            Diagnostic(
                graph.spec.goal.span,
                "no-decision",
                "every decision in this metric has one outcome, whatever the scores are",
            )
        )
    return Plan(
        graph,
        root,
        rows,
        signs,
        uses_truth,
        undefined_message(graph),
        published_consistency,
        needs_best=needs_best,
    )


def _refuse_too_many_pairs(rows: tuple[RowFamily, ...]) -> None:
    """Fixed dims say how many comparisons there are before there is any batch."""
    for row in rows:
        extents = [axis.extent for axis in row.axes]
        fixed = math.prod(e.size + e.extra for e in extents if isinstance(e.size, int))
        if fixed > MOST_ITEMS:
            raise SpecError(
                Diagnostic(
                    row.family.binary.span,
                    "too-large",
                    f"this makes over {MOST_ITEMS:,} comparisons, by its fixed dims",
                )
            )


def _ideal(graph: Graph) -> str:
    """``scores[i, j]``: the head of a truth statement for the first live input."""
    entry = next(entry for entry in graph.spec.inputs if entry.kind.live)
    letters = ", ".join("ijklmn"[place] for place in range(len(entry.kind.dims)))
    return f"{entry.name.id}[{letters}]" if letters else entry.name.id


def undefined_message(graph: Graph) -> str:
    """Where a value may be undefined without an ``else``, for the run-time error."""
    node = _first_undefined(graph.root)
    if node is None or node.span is None:
        return f"{graph.spec.name.id} is undefined on these inputs"
    what = f"{node.op} over nothing" if node.bound else "a division by zero"
    place = f"{PurePath(node.span.source.name).name}:{node.span.line}:{node.span.column}"
    return (
        f"{place}: error L029 [undefined-value]: {what} has no value on these inputs: "
        f"{' '.join(node.span.text.split())[:80]}; say what it is then with `else`"
    )


def _first_undefined(root: Node) -> Node | None:
    """The outermost value that can be undefined and that no ``else`` catches."""
    stack, seen = [root], {root}
    while stack:
        node = stack.pop()
        if node.op in ("mean", "min", "max", "logsumexp"):
            return node
        if node.op == "div" and not never_zero(node.args[1]):
            return node
        if node.op == "expected" and may_be_undefined(node):
            return node
        args = node.args[1:] if node.op == "else" else node.args
        if node.op in ("where", "balance"):
            args = ()
        for arg in reversed(args):
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return None
