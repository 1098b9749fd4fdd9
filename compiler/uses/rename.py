"""Other names for what a used spec declares, through every construct that binds indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from lossc.grammar import syntax as sx
from lossc.grammar.source import Span
from lossc.grammar.words import CENTRES

T = TypeVar("T")


def renamed(node: T, names: Mapping[str, str]) -> T:
    """``node`` with its free names replaced; indices that would capture a new name give way.

    The name that a definition defines is free in it; names of functions are not names of the spec.
    """
    result: T = _walk(node, names, frozenset(names.values()))
    return result


def free(node: object, bound: frozenset[str] = frozenset()) -> Iterator[sx.Name]:
    """The names that an expression or a definition's right side uses and does not bind."""
    if isinstance(node, sx.Name):
        if node.id not in bound:
            yield node
        return
    inner = bound | {binder.name.id for binder in _binders(node)}
    for name, part in _parts(node):
        here = inner if _binders(node) and name in _inside_of(node) else bound
        for piece in _pieces(part):
            yield from free(piece.range if isinstance(piece, sx.Binder) else piece, here)


def size(node: object) -> int:
    """How many constructs a tree has."""
    return 1 + sum(size(piece) for _, part in _parts(node) for piece in _pieces(part))


def _inside_of(node: object) -> tuple[str, ...]:
    """The fields of a reduction or a definition in which its indices are bound."""
    weighed = isinstance(node, sx.Order) and node.op in CENTRES
    return ("filter", "body", "at") if weighed else ("filter", "body")


def _parts(node: object) -> Iterator[tuple[str, object]]:
    """The fields of a construct that hold names of the spec, or constructs that do."""
    for name in _fields(type(node)):
        yield name, getattr(node, name)


_known: dict[type, tuple[str, ...]] = {Span: ()}


def _fields(kind: type) -> tuple[str, ...]:
    if kind not in _known:
        # the name of a function is none of the spec, and that of an index is bound, not used
        without = {"span", "name"} if kind in (sx.Call, sx.Definition, sx.Binder) else {"span"}
        without |= {"called"} if kind is sx.Term else set()  # another spec, with its own names
        listed = fields(kind) if is_dataclass(kind) else ()
        _known[kind] = tuple(field.name for field in listed if field.name not in without)
    return _known[kind]


def _pieces(part: object) -> Iterator[object]:
    if isinstance(part, tuple):
        for piece in part:
            yield from _pieces(piece)
    elif _fields(type(part)):
        yield part


def _binders(node: object) -> tuple[sx.Binder, ...]:
    return node.binders if isinstance(node, sx.Reduction | sx.Order | sx.Definition) else ()


def _walk(node: Any, names: Mapping[str, str], new: frozenset[str]) -> Any:
    if isinstance(node, tuple):
        return tuple(_walk(piece, names, new) for piece in node)
    if isinstance(node, sx.Name):
        return replace(node, id=names[node.id]) if node.id in names else node
    if not _fields(type(node)):
        return node
    binders = _binders(node)
    inner = _inside(node, binders, names, new) if binders else names
    within = _inside_of(node)
    changed = {
        name: _walk(part, inner if name in within else names, new) for name, part in _parts(node)
    }
    if binders:
        changed["binders"] = tuple(
            replace(
                binder,
                name=_walk(binder.name, inner if binder.name.id in new else {}, new),
                range=_walk(binder.range, names, new),
            )
            for binder in binders
        )
    if isinstance(node, sx.Definition):
        changed["name"] = _walk(node.name, names, new)
    return replace(node, **changed)


def _inside(
    node: object, binders: tuple[sx.Binder, ...], names: Mapping[str, str], new: frozenset[str]
) -> Mapping[str, str]:
    """What is renamed where the indices of ``node`` are bound."""
    bound = {binder.name.id for binder in binders}
    captured = bound & new
    if not captured and bound.isdisjoint(names):
        return names
    inner = {old: name for old, name in names.items() if old not in bound}
    taken = {*inner, *new, *bound, *(_mentioned(node) if captured else ())}
    for index in sorted(captured):
        fresh = index + "_"
        while fresh in taken:
            fresh += "_"
        taken.add(fresh)
        inner[index] = fresh
    return inner


def _mentioned(node: object) -> Iterator[str]:
    if isinstance(node, sx.Name):
        yield node.id
    if isinstance(node, sx.Binder):
        yield node.name.id
    for _, part in _parts(node):
        for piece in _pieces(part):
            yield from _mentioned(piece)
