"""A YAML document to the statements that the DSL form of the same spec has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import TypeVar

from lossc.grammar import syntax as ast
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.parser import (
    parse_cell,
    parse_expression,
    parse_head,
    parse_interval,
    parse_kind,
    parse_option,
    parse_param,
    parse_quantity,
    parse_use,
    parse_value,
)
from lossc.grammar.statement_builder import (
    Heading,
    Statement,
    given_once,
    refuse_reduction,
)
from lossc.grammar.tokens import Place
from lossc.grammar.words import GIVES, GOALS, MAX_FINDINGS, MAX_YAML_CHARACTERS
from lossc.grammar.yaml_tree import Entries, Items, Node, Scalar

_T = TypeVar("_T")
_Reader = Callable[[Scalar, Node], Statement | None]


def statements_of(root: Entries) -> tuple[list[Statement], list[Diagnostic]]:
    """The statements of a document, and the findings in its expressions.

    Values of a wrong shape are passed over: the validation of the shape reports them.
    """
    statements: list[Statement] = []
    found: list[Diagnostic] = []
    characters = 0
    for read, key, node in _jobs(root):
        if key.text not in ("doc", "source"):
            characters += key.span.to(node.span).end - key.span.start
        if characters > MAX_YAML_CHARACTERS or len(found) >= MAX_FINDINGS:
            message = (
                f"the expressions of a document have at most {MAX_YAML_CHARACTERS:,} characters"
            )
            large = Diagnostic(key.span, "too-large", message)
            return [], [*found, large] if len(found) < MAX_FINDINGS else found
        try:
            statement = read(key, node)
        except SpecError as error:
            found += error.diagnostics
        else:
            statements += [statement] if statement else []
    return statements, found


def _jobs(root: Entries) -> Iterator[tuple[_Reader, Scalar, Node]]:
    """Each statement of the document: how to read it, its key, its value."""
    for key, node in root.entries:
        if key.text in _SECTIONS and isinstance(node, Entries):
            for name, value in node.entries:
                yield _SECTIONS[key.text], name, value
        elif key.text in ("decode", "let", "truth") and isinstance(node, Entries):
            for name, value in node.entries:
                yield _definition(key.text), name, value
        elif key.text in _LISTS:
            for item in node.items if isinstance(node, Items) else [node]:
                yield _LISTS[key.text], key, item
        elif key.text in _KEYS:
            yield _KEYS[key.text], key, node


# ---------------------------------------------------------------------------- statements


def _heading(key: Scalar, node: Node) -> Statement | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    if key.text != "name":
        return Heading(key.text, node.text, key.span.to(node.span))
    return Heading("spec", _name(node).id, node.span)


def _goal(key: Scalar, node: Node) -> Statement | None:
    if not _expression(node):
        return None
    kind = "evaluate" if key.text == "maximize" else key.text
    return ast.Goal(kind, _parse(parse_expression, node), key.span.to(node.span))  # type: ignore


def _use(key: Scalar, node: Node) -> Statement | None:
    return _parse(parse_use, node) if isinstance(node, Scalar) else None


def _input(key: Scalar, node: Node) -> Statement | None:
    if not isinstance(node, Scalar):
        return None
    name, kind = _name(key), _parse(parse_kind, node)
    refuse_reduction(name.id, name.span, subscripted=bool(kind.dims))
    return ast.Input(name, kind, key.span.to(node.span))


def _param(key: Scalar, node: Node) -> Statement | None:
    name, span = _name(key), key.span.to(node.span)
    if isinstance(node, Scalar):
        return ast.Param(name, *_parse(parse_param, node), span)
    given = {each.text: value for each, value in node.entries} if isinstance(node, Entries) else {}
    default, interval = given.get("default"), given.get("in")
    if not isinstance(default, Scalar) or not (interval is None or isinstance(interval, Scalar)):
        return None
    literal = _parse(parse_value, default) if default.plain else default.text
    if isinstance(literal, ast.Option):
        return None
    return ast.Param(name, literal, _parse(parse_interval, interval) if interval else None, span)


def _definition(kind: str) -> _Reader:
    def read(key: Scalar, node: Node) -> Statement | None:
        head = _parse(parse_head, key)
        if not _expression(node):
            return None
        span = key.span.to(node.span)
        return ast.Definition(kind, *head, _parse(parse_expression, node), span)  # type: ignore

    return read


def _term(key: Scalar, node: Node) -> Statement | None:
    if not _expression(node):
        return None
    return ast.Term(_name(key), _parse(parse_expression, node), key.span.to(node.span))


def _surrogate(key: Scalar, node: Node) -> Statement | None:
    option = _option(node)
    return ast.Surrogate(_name(key), option, key.span.to(node.span)) if option else None


def _schedule(key: Scalar, node: Node) -> Statement | None:
    option = _option(node)
    return ast.Schedule(option, node.span) if option else None


def _example(_: Scalar, node: Node) -> Statement | None:
    if not isinstance(node, Entries):
        return None
    value = next((each for key, each in node.entries if key.text == GIVES), None)
    if not isinstance(value, Scalar):
        return None
    given = [(key, each) for key, each in node.entries if key.text != GIVES]
    if not all(_is_array(each) for _, each in given):
        return None
    arrays = [(_name(key), _array(each)) for key, each in given]
    if not arrays:
        message = "an example says what the inputs are"
        raise SpecError(Diagnostic(node.span, "missing-part", message, "`score: [0.9, 0.1]`"))
    return ast.Example(given_once(arrays), _quantity(value), node.span)


_KEYS: dict[str, _Reader] = {
    **dict.fromkeys(("name", "doc", "source"), _heading),
    **dict.fromkeys(GOALS, _goal),
}
_LISTS: dict[str, _Reader] = {"use": _use, "schedule": _schedule, "examples": _example}
_SECTIONS: dict[str, _Reader] = {
    "inputs": _input,
    "params": _param,
    "terms": _term,
    "surrogate": _surrogate,
}

# ---------------------------------------------------------------------------- pieces


def _expression(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str | int | float)


def _name(scalar: Scalar) -> ast.Name:
    name, binders = _parse(parse_head, scalar)
    if binders:
        message = f"'{name.id}' has no subscripts here"
        raise SpecError(Diagnostic(scalar.span, "syntax", message, f"`{name.id}`"))
    return name


def _option(node: Node) -> ast.Option | None:
    """A choice: a text in the DSL, or a mapping with the key `kind`."""
    if isinstance(node, Scalar):
        return _parse(parse_option, node) if isinstance(node.value, str) else None
    if not isinstance(node, Entries):
        return None
    arguments: list[tuple[str, ast.Literal | ast.Option]] = []
    kind = None
    for key, value in node.entries:
        if key.text == "kind":
            kind = _name(value).id if isinstance(value, Scalar) else None
        elif isinstance(value, Scalar):
            # in quotes it is a text, whatever it looks like
            argument = _parse(parse_value, value) if value.plain else value.text
            arguments.append((_name(key).id, argument))
        elif (nested := _option(value)) is not None:
            arguments.append((_name(key).id, nested))
    return ast.Option(kind, tuple(arguments), node.span) if kind else None


def _is_array(node: Node) -> bool:
    if isinstance(node, Items):
        return all(_is_array(item) for item in node.items)
    return isinstance(node, Scalar) and node.value is not None


def _array(node: Node) -> ast.Array:
    """What an example gives an input: a number or a word, or lists of them."""
    if isinstance(node, Items):
        return tuple(_array(item) for item in node.items)
    assert isinstance(node, Scalar)
    if not node.plain:
        return node.text
    value = node.value
    if isinstance(value, bool):
        return int(value)
    return value if value in (inf, -inf) else _parse(parse_cell, node)


def _quantity(node: Scalar) -> int | float:
    value = node.value
    return value if value in (inf, -inf) else _parse(parse_quantity, node)


def _parse(read: Callable[[str, Place], _T], node: Node) -> _T:
    """A piece of the language out of a scalar."""
    assert isinstance(node, Scalar)
    try:
        return read(node.text, node.at)
    except SpecError as error:
        raise _cut(node, error) or error from None


def _cut(scalar: Scalar, error: SpecError) -> SpecError | None:
    """The error that YAML took the rest of an expression for something else.

    A comment behind a whole expression is one; the expression must break off where it begins.
    """
    if not scalar.plain:
        return None
    span, source = scalar.span, scalar.span.source
    line_end = source.text.find("\n", span.end)
    rest = source.text[span.end : len(source.text) if line_end < 0 else line_end]
    first = error.diagnostics[0]
    at_end = first.span is not None and first.span.start >= span.end
    if not at_end and first.rule != "unclosed-bracket":
        return None
    if rest.lstrip().startswith("#"):
        message = "YAML takes ` #` and what follows it for a comment"
        hint = "put the expression in quotes if `#` belongs to it; if not, it is unfinished"
    elif rest.startswith(","):
        message = "between `{ }` or `[ ]` YAML ends a text at the comma"
        hint = "put the expression in quotes"
    else:
        return None
    return SpecError(Diagnostic(scalar.span, "swallowed-expression", message, hint=hint))
