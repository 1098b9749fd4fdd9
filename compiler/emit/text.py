"""Generated text: string literals, docstrings and signatures in the formatter's own layout."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

WIDTH = 100


def quoted(text: str) -> str:
    """A string literal whose value is ``text``, in double quotes unless single ones need fewer escapes."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text:
        literal = '"' + literal[1:-1].replace("\\'", "'") + '"'
    if ast.literal_eval(literal) != text:
        raise AssertionError(f"not quoted faithfully: {text!r}")
    return literal


def docstring(text: str) -> list[str]:
    """The lines of a docstring that shows ``text``, whatever quotes and backslashes that holds.

    Backslashes, quotes and whatever does not print are escaped as ``repr`` does it, and the result is read
    back, so nothing in it can end the string.
    """
    lines = ["".join(_escaped(c) for c in line) for line in text.rstrip().split("\n")]
    lines = [line.replace('"""', '\\"\\"\\"') for line in lines]
    if len(lines) == 1 and not lines[0].endswith('"'):
        lines = ['"""' + lines[0] + '"""']
    else:
        lines = ['"""' + lines[0], *lines[1:], '"""']
    value = ast.literal_eval("\n".join(lines))
    if value.rstrip() != text.rstrip():
        raise AssertionError(f"not quoted faithfully: {text!r}")
    return lines


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


def indented(lines: Iterable[str], indent: int) -> list[str]:
    """Lines moved to the right; empty ones stay empty."""
    pad = " " * indent
    return [pad + line if line else line for line in lines]
