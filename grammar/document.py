"""The YAML form of a spec. yaml lives in this file only."""

from __future__ import annotations

import re
from typing import Any

import yaml

from lossc.grammar import syntax as ast
from lossc.grammar.assemble import assemble
from lossc.grammar.errors import SpecError, UnfinishedSpec, lost_names
from lossc.grammar.source import Source, Span
from lossc.grammar.tokens import oversized
from lossc.grammar.words import MAX_YAML_NODES
from lossc.grammar.yaml_faults import misread, misshapen, refuse, without_echoes
from lossc.grammar.yaml_shape import KEYS, json_schema, shape_faults
from lossc.grammar.yaml_spec import statements_of
from lossc.grammar.yaml_tree import Entries, Items, Node, Scalar

__all__ = ["json_schema", "read_tree", "read_yaml"]

_MAX_NESTING = 20


def read_yaml(source: Source) -> ast.Spec:
    """The spec of a YAML document.

    Raises:
        SpecError: With every finding of the document.
    """
    root = read_tree(source)
    found = misshapen(root, shape_faults(root.value), KEYS)
    statements, wrong = statements_of(root)
    found += wrong
    end = len(source.text.rstrip())
    spec, more = assemble(statements, Span(source, 0, end), whole=not found, yaml=True)
    found += more
    if found or spec is None:
        raise UnfinishedSpec(without_echoes(found), spec, lost_names(found))
    return spec


def read_tree(source: Source) -> Entries:
    """The mapping that a YAML text is, whatever it says.

    Raises:
        SpecError: It is no YAML, or no mapping.
    """
    too_much = oversized(source)
    if too_much:
        raise SpecError(too_much)
    try:
        root = _compose(source)
    except yaml.MarkedYAMLError as error:
        marks = [mark.index for mark in (error.problem_mark, error.context_mark) if mark]
        raise SpecError(misread(source, error.problem or str(error), marks)) from None
    except yaml.reader.ReaderError as error:
        reason = f"character U+{error.character:04X} is not allowed"
        raise SpecError(misread(source, reason, [error.position])) from None
    if not isinstance(root, Entries):
        what = "a list" if isinstance(root, Items) else "a single text"
        message = f"the document is {what}"
        raise refuse(root.span, "bad-document", message, "a mapping that begins with `lossc: 1`")
    return root


def _compose(source: Source) -> Node:
    """The one document of a text.

    Built from events, not by ``yaml.compose``: aliases are refused as they come, and a document of
    any depth or number of aliases costs nothing.
    """
    # open collections with the key that waits for its value; the root is a list of documents
    stack: list[tuple[list[Any], Scalar | None, int]] = [([], None, 0)]
    mappings: list[bool] = [False]
    keys: list[dict[str, Span]] = [{}]
    nodes = 0
    for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
        begin, end = event.start_mark, event.end_mark
        span = Span(source, begin.index if begin else 0, end.index if end else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            hint = "an expression that begins with `*` or `&` must be quoted"
            message = "aliases and anchors are not part of the format"
            raise refuse(span, "bad-yaml", message, hint=hint)
        if getattr(event, "tag", None):
            raise refuse(span, "bad-yaml", "tags are not part of the format")
        if isinstance(event, yaml.DocumentStartEvent) and stack[0][0]:
            message = "the text holds several documents"
            raise refuse(span, "bad-document", message, "one document, one spec")
        node: Node | None = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) > _MAX_NESTING:
                raise refuse(span, "too-large", f"the document nests deeper than {_MAX_NESTING}")
            stack.append(([], None, span.start))
            mappings.append(isinstance(event, yaml.MappingStartEvent))
            keys.append({})
            continue
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar(event, span)
        elif isinstance(event, yaml.CollectionEndEvent):
            content, _, start = stack.pop()
            keys.pop()
            whole = Span(source, start, max(start, span.end))
            node = Entries(content, whole) if mappings.pop() else Items(content, whole)
        if node is None:
            continue
        nodes += 1
        if nodes > MAX_YAML_NODES:
            message = f"a document has at most {MAX_YAML_NODES:,} keys and values"
            raise refuse(span, "too-large", message)
        content, key, opened = stack[-1]
        if not mappings[-1]:
            content.append(node)
        elif key is not None:
            content.append((key, node))
            stack[-1] = (content, None, opened)
        elif not isinstance(node, Scalar):
            raise refuse(node.span, "bad-document", "a key is a text", "a name")
        else:
            first = keys[-1].setdefault(node.text, node.span)
            if first is not node.span:
                message = f"key '{node.text}' is given twice: first in line {first.line}"
                raise refuse(node.span, "duplicate", message)
            stack[-1] = (content, node, opened)
    documents: list[Node] = stack[0][0]
    empty = isinstance(documents[0], Scalar) and not documents[0].text if documents else True
    if empty:
        nowhere = Span(source, 0, 0)
        raise refuse(nowhere, "bad-document", "the document is empty", "`lossc: 1`, and the rest")
    return documents[0]


def _scalar(event: Any, span: Span) -> Scalar:
    if event.style == ">":
        hint = "use `|`, which keeps the lines as they are"
        raise refuse(span, "bad-yaml", "folded texts (`>`) are not part of the format", hint=hint)
    bad = re.search("[\0\ud800-\udfff]", event.value)
    if bad:
        raise refuse(span, "not-text", f"not a text: character U+{ord(bad.group()):04X}")
    return Scalar(event.value, event.style or "", span)
