"""Generated text: string literals, docstrings and signatures in the formatter's own layout."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Sequence
from math import inf

WIDTH = 100


def quoted(text: str) -> str:
    """A string literal of ``text``, in double quotes unless single ones need fewer escapes."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text:
        literal = '"' + literal[1:-1].replace("\\'", "'") + '"'
    if ast.literal_eval(literal) != text:
        raise AssertionError(f"not quoted faithfully: {text!r}")
    return literal


def docstring(text: str) -> list[str]:
    """The lines of a docstring that shows ``text``, whatever quotes and backslashes that holds.

    Backslashes, quotes and whatever does not print are escaped as ``repr`` does it, and the result
    is read back, so nothing in it can end the string.
    """
    lines = [_escaped_line(line) for line in text.rstrip().split("\n")]
    if len(lines) == 1 and not lines[0].endswith('"'):
        lines = ['"""' + lines[0] + '"""']
    else:
        lines = ['"""' + lines[0], *lines[1:], '"""']
    if any("\\" in line for line in lines):
        lines[-1] += "  # noqa: D301"  # a raw string could not hold every text
    value = ast.literal_eval("\n".join(lines))
    if value.rstrip() != text.rstrip():
        raise AssertionError(f"not quoted faithfully: {text!r}")
    return lines


def folded(line: str, width: int = WIDTH, hanging: int = 4) -> list[str]:
    """A line of a docstring in pieces of at most ``width``, all but the first further indented.

    Args:
        line: The line as it reads, before anything is escaped.
        width: What a piece may take once it is escaped.
        hanging: How much further the rest is indented.
    """
    indent = len(line) - len(line.lstrip(" "))
    pieces: list[str] = []
    start = " " * indent
    for word in line[indent:].split(" "):
        room = width - len(_escaped_line(start if not pieces else pieces[-1])) - 1
        if pieces and (not word or len(_escaped_line(word)) <= room):
            pieces[-1] += " " + word
        else:
            pieces.append(start + word)
        start = " " * (indent + hanging)
    return [piece.rstrip() for piece in pieces]


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` characters, broken between words only."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _escaped_line(line: str) -> str:
    return "".join(_escaped(c) for c in line).replace('"""', '\\"\\"\\"')


def _escaped(character: str) -> str:
    return character if character.isprintable() and character != "\\" else repr(character)[1:-1]


def definition(head: str, arguments: Sequence[str], tail: str, indent: int) -> list[str]:
    """A ``def`` or a call, on one line if it fits, else one argument a line."""
    pad = " " * indent
    # methods are indented once more than their own text
    width = WIDTH - (4 if head.startswith("def ") and arguments[:1] == ["self"] else 0)
    line = f"{pad}{head}({', '.join(arguments)}){tail}"
    if len(line) <= width:
        return [line]
    middle = f"{pad}    {', '.join(arguments)}"
    if len(middle) <= width:
        return [f"{pad}{head}(", middle, f"{pad}){tail}"]
    return [
        f"{pad}{head}(",
        *(f"{pad}    {argument}," for argument in arguments),
        f"{pad}){tail}",
    ]


def number(value: float) -> str:
    """A number as Python writes it; infinities need no import."""
    return f'float("{value}")' if value in (inf, -inf) else repr(value)


def indented(lines: Iterable[str], indent: int) -> list[str]:
    """Lines moved to the right; empty ones stay empty."""
    pad = " " * indent
    return [pad + line if line else line for line in lines]


def spaced(lines: Sequence[str]) -> list[str]:
    """``lines`` with one blank line before each nested function, and never two together."""
    result: list[str] = []
    for line in lines:
        if line.startswith("def ") and result and result[-1]:
            result.append("")
        if line or (result and result[-1]):
            result.append(line)
    return result
