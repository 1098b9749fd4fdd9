"""The comments of a YAML document: its own, and those of the language within its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lossc.grammar.comments import Comments, Item, arrange
from lossc.grammar.source import Source, Span
from lossc.grammar.tokens import comment_ranges
from lossc.grammar.yaml_tree import Entries, Items, Node, Scalar

_COMMENT = re.compile("#[^\n\r\x85\u2028\u2029]*")
_HEADER = re.compile(r"\|[-+0-9]*[ \t]+(#[^\n]*)")
_TEXTS = ("lossc", "name", "doc", "source")  # their values are no text of the language


def comments_of_yaml(source: Source, root: Entries) -> Comments:
    """The comments of a document that was read without an error."""
    found = [*_own(source, root), *_of_language(root)]
    return arrange(source, list(_items(root)), found)


def _items(root: Entries) -> Iterator[Item]:
    """What comments can belong to, in the order of the document."""
    for key, node in root.entries:
        if isinstance(node, Scalar) or _is_choice(key, node):
            yield Item(f"{key.text}:", key.span.start, _end(node))
            continue
        yield Item(f"{key.text}:", key.span.start, key.span.end)
        if isinstance(node, Items):
            for item in node.items:
                yield Item("", item.span.start, _end(item))
        elif isinstance(node, Entries):
            for name, value in node.entries:
                yield Item("", name.span.start, _end(value))


def _is_choice(key: Scalar, node: Node) -> bool:
    """``schedule: {kind: warmup}``: a statement, and no section of them."""
    return key.text == "schedule" and isinstance(node, Entries)


def _end(node: Node) -> int:
    """Behind the last character of a node; a block ends with the last text in it."""
    text = node.span.source.text
    if isinstance(node, Scalar):
        return node.span.start + len(text[node.span.start : node.span.end].rstrip())
    if text[node.span.start] in "[{":
        return node.span.end
    last = node.items[-1] if isinstance(node, Items) else node.entries[-1][1]
    return _end(last)


def _own(source: Source, root: Entries) -> Iterator[tuple[str, Span]]:
    """What stands behind a ``#`` between the document's texts."""
    start = 0
    for scalar in [*_scalars(root), None]:
        end = len(source.text) if scalar is None else scalar.span.start
        for match in _COMMENT.finditer(source.text, start, max(start, end)):
            yield match.group(), Span(source, *match.span())
        if scalar is None:
            return
        start = scalar.span.end
        header = _HEADER.match(source.text, scalar.span.start, start) if not scalar.plain else None
        if header and scalar.style == "|":
            yield header[1], Span(source, *header.span(1))


def _of_language(root: Entries) -> Iterator[tuple[str, Span]]:
    for key, node in root.entries:
        if key.text in _TEXTS:
            continue
        values = [node]
        if isinstance(node, Entries) and not _is_choice(key, node):
            for name, _ in node.entries:
                yield from _within(name)
            values = [value for _, value in node.entries]
        elif isinstance(node, Items):
            values = node.items
        for value in values:
            if isinstance(value, Scalar):
                yield from _within(value)
            else:
                yield from _in_mapping(value)


def _in_mapping(node: Node) -> Iterator[tuple[str, Span]]:
    """A choice, a param or an example: what is quoted is a text, but for keys and ranges."""
    if isinstance(node, Scalar):
        yield from _within(node) if node.plain else ()
    elif isinstance(node, Items):
        for item in node.items:
            yield from _in_mapping(item)
    else:
        for key, value in node.entries:
            yield from _within(key)
            if isinstance(value, Scalar) and key.text in ("in", "kind"):
                yield from _within(value)
            else:
                yield from _in_mapping(value)


def _within(scalar: Scalar) -> Iterator[tuple[str, Span]]:
    for start, end in comment_ranges(scalar.text):
        yield scalar.text[start:end], scalar.at(start, end)


def _scalars(node: Node) -> Iterator[Scalar]:
    """All texts of a node in their order, keys included."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Items):
        for item in node.items:
            yield from _scalars(item)
    else:
        for key, value in node.entries:
            yield key
            yield from _scalars(value)
