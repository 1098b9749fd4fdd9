"""A YAML document as a tree that knows where every character of every scalar stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lossc.grammar.source import Span

_ESCAPE = re.compile(r"\\(x..|u.{4}|U.{8}|\r?\n[ \t]*|.)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]*")
# the core schema of YAML 1.2: `on`, `yes`, `1_000` and `1:30` are texts
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True)
class Scalar:
    """A text.

    Args:
        text: Without quotes, escapes and indentation.
        style: ``"``, ``'``, ``|``, or nothing for a plain one.
        span: In the file, quotes included.
    """

    text: str
    style: str
    span: Span

    @property
    def plain(self) -> bool:
        return not self.style

    @cached_property
    def _offsets(self) -> list[int] | None:
        places = _literal(self) if self.style == "|" else _flow(self)
        return places if len(places) == len(self.text) else None

    def at(self, start: int, end: int) -> Span:
        """Where a range of the text stands in the file; the whole scalar if that is not clear."""
        places = self._offsets
        if places is None:
            return self.span
        if start >= len(places):
            close = places[-1] + 1 if places else self.span.end
            return Span(self.span.source, close, close)
        first = places[start]
        return Span(self.span.source, first, places[end - 1] + 1 if end > start else first)

    @property
    def value(self) -> str | int | float | bool | None:
        """What the text stands for: a quoted one for itself."""
        text = self.text
        if not self.plain:
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INTEGER.fullmatch(text) and len(text) < 100:
            return int(text, 0 if text[:2] in ("0o", "0x") else 10)
        if _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text


@dataclass(frozen=True)
class Items:
    """A list."""

    items: list[Node]
    span: Span

    @property
    def value(self) -> list[Any]:
        return [item.value for item in self.items]


@dataclass(frozen=True)
class Entries:
    """A mapping; keys are texts."""

    entries: list[tuple[Scalar, Node]]
    span: Span

    @property
    def value(self) -> dict[str, Any]:
        return {key.text: node.value for key, node in self.entries}


Node = Scalar | Items | Entries


def _flow(scalar: Scalar) -> list[int]:
    """Offsets in a plain or quoted scalar, where a line break and its indentation is one space."""
    file, style = scalar.span.source.text, scalar.style
    place = scalar.span.start + (1 if style else 0)
    places: list[int] = []
    folded = 0  # how many more characters the line breaks just passed stand for
    for character in scalar.text:
        if folded:
            folded -= 1
            places.append(places[-1])
            continue
        if style == '"':
            while (escape := _ESCAPE.match(file, place)) and escape[1].lstrip("\r")[:1] == "\n":
                place = escape.end()
            if escape:
                places.append(place)
                place = escape.end()
                continue
        blanks = _BLANKS.match(file, place)
        breaks = blanks.group().count("\n") if blanks else 0
        if blanks and breaks:
            places.append(place)
            place, folded = blanks.end(), max(0, breaks - 2)
            continue
        if place >= len(file) or file[place] != character:
            return []
        places.append(place)
        place += 2 if style == "'" and character == "'" else 1
    return places


def _literal(scalar: Scalar) -> list[int]:
    """Offsets in a literal block, whose lines stand in the file with their indentation."""
    file = scalar.span.source.text
    places: list[int] = []
    line = file.find("\n", scalar.span.start) + 1
    lines = scalar.text.split("\n")
    first = next((text for text in lines if text), "")
    start, indent = line, 0
    while start and start < len(file):  # the first line with a text tells the indentation
        end = file.find("\n", start)
        row = file[start : len(file) if end < 0 else end].rstrip("\r")
        if row.strip(" "):
            indent = len(row) - len(first)
            break
        start = 0 if end < 0 else end + 1
    for number, text in enumerate(lines):
        begin = line + (indent if text else 0)
        if file[begin : begin + len(text)] != text:
            return []
        places += range(begin, begin + len(text))
        if number < len(lines) - 1:
            places.append(begin + len(text))
        line = file.find("\n", line) + 1 or len(file)
    return places
