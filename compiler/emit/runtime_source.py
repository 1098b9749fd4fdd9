"""Copies of runtime functions for a module that needs only torch."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable
from functools import cache

from lossc.runtime.weightings import WEIGHTINGS

MODULES = (
    "checks",
    "epochs",
    "gathering",
    "memory",
    "undefined",
    "elements",
    "integrals",
    "terms",
    "weighting_gradients",
    "weighting",  # what the rest of them derive from stands first
    *dict.fromkeys(entry.module for entry in WEIGHTINGS.values()),
    "ordering",
    "groups",
    "families",
    "consistency",
    "relaxations",
    "counter",
    "anchors",
    "flipped_lines",
    "optima",
    "between",
    "interpolation",
    "flipped_shares",
    "relaxed_rows",
    "margins",
    "exponentials",
    "pairs",
    "pair_numbers",
    "decayed_sums",
    "pair_sums",
    "pair_families",
    "spread",
    "written_pairs",
    "pair_counts",
    "pair_rows",
    "pair_anchors",
    "pair_lines",
    "pair_flips",
    "pair_interpolation",
    "pair_shares",
    "expectation",
    "perturbation",
)


@cache
def _definitions() -> dict[str, tuple[str, frozenset[str]]]:
    """Source and used names of every function and class of the runtime, in reading order."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for module_name in MODULES:
        module = importlib.import_module(f"lossc.runtime.{module_name}")
        source = inspect.getsource(module)
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                text = ast.get_source_segment(source, node)
                assert text is not None
                if node.decorator_list:
                    text = "\n".join(
                        source.split("\n")[node.decorator_list[0].lineno - 1 : node.end_lineno]
                    )
                found[node.name] = (text, _used(node))
    return found


def _used(node: ast.AST) -> frozenset[str]:
    """Names that a definition reads, but for its own variables."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    own = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    return frozenset(n.id for n in names) - own


def closure(wanted: Iterable[str]) -> list[str]:
    """``wanted`` runtime names and all that they use, in the order of the runtime's files."""
    definitions = _definitions()
    needed: set[str] = set()
    stack = list(wanted)
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(definitions[name][1] & definitions.keys())
    return [name for name in definitions if name in needed]


def runtime_names() -> frozenset[str]:
    """Names that generated code must not use for anything else."""
    return frozenset(_definitions())


def runtime_source(wanted: Iterable[str]) -> list[str]:
    """The source of ``wanted`` and all that it uses: one text for each."""
    return [_definitions()[name][0] for name in closure(wanted)]
