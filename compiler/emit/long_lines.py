"""Statements that do not fit on a line, broken where ``ruff format`` breaks them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST = 100
_STATEMENT = re.compile(r"^( *)((?:[\w, ]+ = )|return )(.+)$")
_OPERATOR = re.compile(r" (?:[-+*/%&|^<>]|//|\*\*|[=!<>]=|<<|>>|and|or) ")
_OPEN, _CLOSED = "([{", ")]}"


def broken(lines: Iterable[str]) -> list[str]:
    """``lines`` with the statements among them that are too long spread over several."""
    return [piece for line in lines for piece in _broken(line)]


def _broken(line: str) -> list[str]:
    found = _STATEMENT.match(line)
    if len(line) <= LONGEST or found is None:
        return [line]
    indent, head, value = found.groups()
    if _calls_in_a_row(value) > 1 or _operators(value) > 1:
        inner = f"{indent}    {value}"
        return [f"{indent}{head}(", inner, f"{indent})"] if len(inner) <= LONGEST else [line]
    place = _last_bracket(value)
    if place is None or len(indent + head + value[: place + 1]) > LONGEST:
        return [line]
    body, last = value[place + 1 : -1], value[-1]
    return [f"{indent}{head}{value[: place + 1]}", *_inside(indent, body), f"{indent}{last}"]


def _inside(indent: str, body: str) -> list[str]:
    inner = f"{indent}    {body}"
    if len(inner) <= LONGEST:
        return [inner]
    return [f"{indent}    {part}," for part in _arguments(body)]


def _arguments(body: str) -> Iterator[str]:
    start = 0
    for place in _at_the_top(body):
        if body[place] == ",":
            yield body[start:place].strip()
            start = place + 1
    yield body[start:].strip()


def _at_the_top(code: str) -> Iterator[int]:
    """Positions outside all brackets and texts."""
    depth, quote = 0, ""
    for place, sign in enumerate(code):
        if quote:
            quote = "" if sign == quote and code[place - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _OPEN:
            if depth == 0:
                yield place
            depth += 1
        elif sign in _CLOSED:
            depth -= 1
            if depth == 0:
                yield place
        elif depth == 0:
            yield place


def _top(code: str) -> str:
    """``code`` with nothing between its outermost brackets."""
    return "".join(code[place] for place in _at_the_top(code))


def _calls_in_a_row(code: str) -> int:
    """How many methods are called on what a call or a subscript gave."""
    return len(re.findall(r"[)\]\w]\.\w+\(", re.sub(r"\btorch\.", "torch_", _top(code))))


def _operators(code: str) -> int:
    return len(_OPERATOR.findall(_top(code)))


def _last_bracket(code: str) -> int | None:
    """Where the bracket opens that closes the expression; ``None`` if none does."""
    if code[-1] not in _CLOSED:
        return None
    opened = [place for place in _at_the_top(code) if code[place] in _OPEN]
    place = opened[-1]
    return place if code[place + 1 : -1] else None
