"""Networks of Caffe (``.prototxt``): text to layers, each with where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.source import Source, Span

MAX_NETWORK = 16_000_000
"""Characters of a file that is read: deep networks have a million."""

Value = str | float


@dataclass(frozen=True)
class Layer:
    """One ``layer { ... }``.

    Args:
        span: Where it stands.
        fields: The values of its scalar fields by name, in their order, each with its place.
        phases: Those that it is included in; empty for all.
    """

    span: Span
    fields: dict[str, list[tuple[Value, Span]]]
    phases: tuple[str, ...]

    def texts(self, name: str) -> list[str]:
        """All values of a field as text."""
        return [str(value) for value, _ in self.fields.get(name, [])]

    def text(self, name: str) -> str:
        """The last value of a field; empty if there is none."""
        return (self.texts(name) or [""])[-1]

    def place(self, name: str, number: int = -1) -> Span:
        """Where a field's value stands, or else the layer."""
        values = self.fields.get(name)
        return values[number][1] if values else self.span


@cache
def _grammar() -> Lark:
    text = (Path(__file__).parent / "prototxt.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", propagate_positions=True)


def read_layers(source: Source) -> list[Layer]:
    """The layers of a network, in their order.

    Raises:
        SpecError: The text is no protocol buffer, or in the format of before 2014.
    """
    try:
        tree = _grammar().parse(source.text)
    except UnexpectedInput as error:
        start = error.pos_in_stream
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        start = len(source.text) if ended else start or 0
        found = source.text[start : start + 1]
        message = f"unexpected {found!r}" if found.strip() else "the text ends too early"
        span = Span(source, start, min(start + 1, len(source.text)))
        expected = "a field, such as `name: value` or `layer { ... }`"
        raise SpecError(Diagnostic(span, "syntax", message, expected)) from None
    layers = []
    for field in tree.children:
        assert isinstance(field, Tree)
        name = field.children[0]
        assert isinstance(name, Token)
        if field.data == "message" and name == "layers":
            hint = "Caffe's upgrade_net_proto_text writes the newer one"
            message = "`layers` is the format of before 2014"
            raise SpecError(Diagnostic(_span(source, name), "bad-network", message, hint=hint))
        if field.data == "message" and name == "layer":
            layers.append(_layer(source, field))
    return layers


def _layer(source: Source, tree: Tree[Token]) -> Layer:
    name, block = tree.children
    assert isinstance(name, Token) and isinstance(block, Tree)
    fields: dict[str, list[tuple[Value, Span]]] = {}
    phases: list[str] = []
    for field in block.children:
        assert isinstance(field, Tree)
        key, value = field.children
        assert isinstance(key, Token) and isinstance(value, Tree)
        if field.data == "scalar_field":
            fields.setdefault(str(key), []).extend(_values(source, value))
        elif key == "include":
            inner = [f for f in value.children if isinstance(f, Tree) and f.data == "scalar_field"]
            phases += [
                str(_values(source, f.children[1])[0][0]) for f in inner if f.children[0] == "phase"
            ]
    start, end = name.start_pos, tree.meta.end_pos
    assert start is not None
    return Layer(Span(source, start, end), fields, tuple(phases))


def _values(source: Source, tree: Any) -> list[tuple[Value, Span]]:
    """One value, or those of a list."""
    if tree.data == "listed":
        return [one for each in tree.children if each is not None for one in _values(source, each)]
    span = Span(source, tree.meta.start_pos, tree.meta.end_pos)
    if tree.data == "number":
        return [(float(str(tree.children[0]).rstrip("f")), span)]
    if tree.data == "word":
        return [(str(tree.children[0]), span)]
    return [("".join(_unquoted(str(part)) for part in tree.children), span)]


def _unquoted(text: str) -> str:
    """A quoted text's content; of its escapes only quotes and backslashes occur in names."""
    return text[1:-1].replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")


def _span(source: Source, token: Token) -> Span:
    assert token.start_pos is not None and token.end_pos is not None
    return Span(source, token.start_pos, token.end_pos)
