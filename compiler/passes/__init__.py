"""The refactoring, one rewrite a file, in the order in which they run.

Each pass takes a graph and returns a graph with the same value on every input; together they leave
no discrete operation on a live value but ``binary``: [left > right], with its outcome at a tie.
"""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.ir.graph import Graph
from lossc.compiler.passes.argmax_predicates import argmax_predicates
from lossc.compiler.passes.argmax_values import argmax_values
from lossc.compiler.passes.comparisons import comparisons
from lossc.compiler.passes.inline_decisions import inline_decisions
from lossc.compiler.passes.order_of_scores import order_of_scores
from lossc.compiler.passes.signs import signs

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    inline_decisions,
    argmax_predicates,
    argmax_values,
    order_of_scores,
    signs,
    comparisons,
)
