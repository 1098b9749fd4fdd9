"""What can be wrong with a YAML document, in words of the spec rather than of the YAML reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lossc.grammar.errors import Diagnostic, SpecError, closest, one_of
from lossc.grammar.source import Source, Span
from lossc.grammar.words import GOALS
from lossc.grammar.yaml_tree import Entries, Items, Node, Scalar

_SWALLOWED = "swallowed-expression"
# quoted, with something behind the quotes
_QUOTED = r"""("[^"]*"|'[^']*')\s*[^\s#]"""
_QUOTE = "put the expression in quotes"
_SHAPES = {
    "lossc": "1, the version of the format",
    "name": "a name",
    "doc": "a text: put it in quotes",
    "source": "a text: put it in quotes",
    "use": "a list of names of specs",
    "examples": "a list of mappings, such as {score: [0.9, 0.1], relevant: [1, 0], gives: 1}",
    "schedule": "a choice, such as `warmup(epochs = 5)` or {kind: warmup, epochs: 5}",
}
#: What the entries of the document's mappings are.
_ENTRIES = {
    "inputs": "a kind, such as `real[n, p]`",
    "params": 'a default: `0.5`, `0.5 in (0, inf)` or {default: 0.5, in: "(0, inf)"}',
    "surrogate": "a choice, such as `sigmoid(temperature = 1)` or {kind: sigmoid, temperature: 1}",
}
_DEFINITIONS = ("decode", "let", "truth", "terms")


def refuse(
    span: Span, rule: str, message: str, expected: str | None = None, hint: str | None = None
) -> SpecError:
    """The error of one finding."""
    return SpecError(Diagnostic(span, rule, message, expected, hint))


def misread(source: Source, problem: str, places: Sequence[int]) -> Diagnostic:
    """What the YAML reader gave up on: often an expression that ought to be quoted.

    Args:
        source: The document.
        problem: In the reader's words.
        places: Offsets of the problem, and of the construct that it was found in.
    """
    for place in places:
        line, _ = source.position(min(place, len(source.text)))
        text = source.line(line)
        value = re.match(r"""\s*(?:-\s+)?[^\s#'"].*?:\s+(?=([\[{*&|>"'-]))""", text)
        if value and value[1] in "\"'" and not re.match(_QUOTED, text[value.end() :]):
            begin = place - (source.position(place)[1] - 1) + value.end()
            span = Span(source, begin, begin + 1)
            message = "the quoted text is never closed"
            return Diagnostic(span, "bad-yaml", message, f"`{value[1]}`")
        if value and (value[1] != "|" or re.match(r"\|[-+0-9]*\s*[^\s#]", text[value.end() :])):
            start = place - (source.position(place)[1] - 1) + value.end()
            span = Span(source, start, start + len(text[value.end() :].rstrip()))
            message = f"YAML does not read a value that begins with `{value[1]}` as a text"
            return Diagnostic(span, _SWALLOWED, message, hint=_QUOTE)
    place = min(places[0], len(source.text)) if places else 0
    hint = "YAML is indented with spaces" if "'\\t'" in problem else None
    return Diagnostic(Span(source, place, place + 1), "bad-yaml", problem, hint=hint)


def misshapen(
    root: Entries, faults: Iterable[tuple[str, tuple[int | str, ...]]], keys: Sequence[str]
) -> list[Diagnostic]:
    """The findings of the validation of a document's shape, at their places in the file.

    Args:
        root: The document.
        faults: Kind of each fault, and the path to it; branches of a union are part of it.
        keys: The document's keys.
    """
    found: list[Diagnostic] = []
    general: list[Diagnostic] = []
    for kind, path in faults:
        node, name = _follow(root, path[:-1])
        last = str(path[-1])
        if kind == "missing" and path == ("lossc",):
            place = Span(root.span.source, root.span.start, root.span.start)
            message = "the document does not say which version of the format it has"
            found.append(Diagnostic(place, "bad-document", message, "`lossc: 1`"))
        elif kind == "missing" and last in ("kind", "default", "gives"):
            found.append(_shape(node, name, f"`{name}` has no `{last}`", str(path[0])))
        elif kind == "extra_forbidden" and isinstance(node, Entries):
            valid = keys if len(path) == 1 else ("default", "in")
            hint = closest(last, valid)
            if hint is None and "[" in last:
                hint = "definitions belong under `let` or `decode`"
            span = next(key.span for key, _ in node.entries if key.text == last)
            message = f"unknown key '{last}'"
            found.append(Diagnostic(span, "unknown-key", message, one_of(valid, 20), hint))
        elif kind not in ("missing", "string_pattern_mismatch"):
            # what is missing otherwise, and what is no name, is found when the spec is read
            node, name = _follow(root, path)
            general.append(_shape(node, name, f"`{name}` is {_what(node)}", str(path[0])))
    for each in general:  # the branches of a union each complain, and of what is better said above
        if not any(_within(other, each) for other in found):
            found.append(each)
    return found


def without_echoes(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The findings without those that only come of a swallowed expression in their line."""
    lines = {each.span.line for each in found if each.span and each.rule == _SWALLOWED}
    return [
        each
        for each in found
        if each.rule == _SWALLOWED or not each.span or each.span.line not in lines
    ]


def _within(inner: Diagnostic, outer: Diagnostic) -> bool:
    if inner.span is None or outer.span is None:
        return False
    return outer.span.start <= inner.span.start and inner.span.end <= outer.span.end


def _follow(root: Entries, path: Sequence[int | str]) -> tuple[Node, str]:
    """The node that a path leads to, as far as the document has it, and how to call it."""
    node: Node = root
    name = ""
    for step in path:
        if isinstance(node, Entries):
            found = next((value for key, value in node.entries if key.text == step), None)
            if found is None:
                continue  # a branch of a union
            node, name = found, f"{name}.{step}".lstrip(".")
        elif isinstance(node, Items) and isinstance(step, int):
            node = node.items[step]
    return node, name


def _shape(node: Node, name: str, message: str, key: str) -> Diagnostic:
    expression = key in GOALS or (key in _DEFINITIONS and name != key)
    if expression and not isinstance(node, Scalar):
        return Diagnostic(node.span, _SWALLOWED, message, "an expression", _QUOTE)
    if expression:
        return Diagnostic(node.span, "bad-document", message, "an expression")
    expected = _SHAPES.get(key)
    if expected is None:
        entry = _ENTRIES.get(key, "an expression")
        expected = entry if name != key else f"a mapping of names; behind each, {entry}"
    return Diagnostic(node.span, "bad-document", message, expected)


def _what(node: Node) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "a mapping"
    value = node.value
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the truth value {node.text}"
    return f"the number {node.text}" if isinstance(value, int | float) else f"'{node.text}'"
