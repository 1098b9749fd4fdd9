"""Text that breaks its lines where it may, as seldom as possible.

A document is text with places where a line may end. A group keeps to one line if it fits; if not,
all its own places become line ends, and the groups in it are tried one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 100
INDENT = 4
DEEPEST = 60  # further in, lines would be all blanks


@dataclass(frozen=True)
class Line:
    """A place where a line may end; ``flat`` stands there if it does not."""

    flat: str = " "


@dataclass(frozen=True)
class Nest:
    """Lines that begin in it are indented further."""

    part: Doc


@dataclass(frozen=True)
class Group:
    """Its places become line ends all together, or not at all."""

    part: Doc


Doc = str | Line | Nest | Group | tuple["Doc", ...]
SPACE = Line()
SOFT = Line("")


def enclosed(opener: str, part: Doc, closer: str) -> Group:
    """What stands in brackets, on lines of its own if it does not fit."""
    return Group((opener, Nest((SOFT, part)), SOFT, closer))


def joined(parts: Iterable[Doc], separator: str = ",") -> Doc:
    """Parts with a separator behind each but the last, where lines may end."""
    every: list[Doc] = []
    for part in parts:
        every += [separator, SPACE, part] if every else [part]
    return tuple(every)


def flat(doc: Doc) -> str:
    """A document on one line."""
    return render(doc, None)


def render(doc: Doc, width: int | None = WIDTH, indent: int = 0) -> str:
    """The text of a document.

    Args:
        doc: The document.
        width: Columns that lines should keep to; ``None`` breaks none.
        indent: Of its lines, but for the first, whose beginning stands there already.
    """
    written: list[str] = []
    column = indent
    stack: list[tuple[int, bool, Doc]] = [(indent, width is None, doc)]
    while stack:
        margin, one_line, part = stack.pop()
        if isinstance(part, str):
            written.append(part)
            column += len(part)
        elif isinstance(part, tuple):
            stack.extend((margin, one_line, each) for each in reversed(part))
        elif isinstance(part, Nest):
            stack.append((min(margin + INDENT, DEEPEST), one_line, part.part))
        elif isinstance(part, Group):
            stack.append((margin, one_line, part.part))
            if width is not None and not one_line:
                stack[-1] = (margin, True, part.part)
                if not _fits(stack, width - column):
                    stack[-1] = (margin, False, part.part)
        elif one_line:
            written.append(part.flat)
            column += len(part.flat)
        else:
            written.append("\n" + " " * margin)
            column = margin
    return "".join(written)


def _fits(stack: list[tuple[int, bool, Doc]], room: int) -> bool:
    """Whether all up to the next line end fits into the rest of the line."""
    rest = len(stack)
    ahead: list[tuple[bool, Doc]] = []
    while room >= 0:
        if not ahead:
            if not rest:
                return True
            rest -= 1
            ahead.append(stack[rest][1:])
        one_line, part = ahead.pop()
        if isinstance(part, str):
            room -= len(part)
        elif isinstance(part, tuple):
            ahead.extend((one_line, each) for each in reversed(part))
        elif isinstance(part, Nest | Group):
            ahead.append((one_line, part.part))
        elif one_line:
            room -= len(part.flat)
        else:
            return True
    return False
