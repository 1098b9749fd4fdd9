"""Every expression of a tree by its place, and the tree with another one in that place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from lossc.grammar import syntax as sx

Place = tuple[str | int, ...]
EXPRESSIONS = (
    *(sx.Access, sx.Arithmetic, sx.Call, sx.Compare, sx.Else, sx.Iverson, sx.Logic, sx.Name),
    *(sx.Negate, sx.Not, sx.Number, sx.Order, sx.Reduction, sx.String, sx.Tuple),
)


def places(tree: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """All expressions in the definitions and the goal of a spec, names of accesses left out."""
    if isinstance(tree, sx.Spec):
        for part in ("definitions", "goal"):
            yield from places(getattr(tree, part), (part,))
    elif isinstance(tree, tuple):
        for place, item in enumerate(tree):
            yield from places(item, (*at, place))
    elif is_dataclass(tree) and not isinstance(tree, type):
        if isinstance(tree, EXPRESSIONS):
            yield at, tree
        for field in fields(tree):
            if field.name not in ("name", "span"):
                yield from places(getattr(tree, field.name), (*at, field.name))


def put(tree: Any, at: Place, new: Any) -> Any:
    """The tree with ``new`` at a place."""
    if not at:
        return new
    first, *rest = at
    if isinstance(first, int):
        return (*tree[:first], put(tree[first], tuple(rest), new), *tree[first + 1 :])
    return replace(tree, **{first: put(getattr(tree, first), tuple(rest), new)})
