"""How large the tensors and how deep the expressions of a spec may become."""

from __future__ import annotations

import math

from lossc.compiler.front.properties import depth
from lossc.compiler.front.scope import MOST_ITEMS, Scope
from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import Node

MOST_INDICES = 8
DEEPEST = 400


def check_sizes(scope: Scope, roots: list[Node]) -> None:
    """Reports the first node with too many or too large axes, or nested too deep."""
    for node in topological(roots):
        span = node.span
        if span is None:
            continue
        if len(node.indices) > MOST_INDICES:
            scope.error(span, "too-large", f"this depends on over {MOST_INDICES} indices at once")
            return
        extents = [index.extent for index in node.indices]
        items = math.prod(e.size + e.extra for e in extents if isinstance(e.size, int))
        if items > MOST_ITEMS:
            scope.error(span, "too-large", f"this has over {MOST_ITEMS:,} values at once")
            return
        if depth(node) > DEEPEST:
            scope.error(span, "too-large", f"over {DEEPEST} operations are nested here")
            return
