"""Comments beside the statements of a written text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lossc.grammar.comments import Comment, Item
from lossc.grammar.layout import WIDTH


def commented(
    lines: Sequence[str], items: Iterable[Item | None], *, indent: str = "", room: bool = True
) -> list[str]:
    """The lines of a statement with its comments.

    The comments above it stay there, those within it follow, and the one beside it stays behind its
    last line if there is room.

    Args:
        lines: Of the statement.
        items: What the statement is; what came before it that has no lines of its own.
        indent: Of the lines above.
        room: A comment may stand behind the last line.
    """
    own = [item for item in items if item is not None]
    above: list[str] = []
    last = list(lines)
    for place, item in enumerate(own):
        above += lines_of(item.above, indent)
        above += [""] if item.apart else []
        above += [indent + comment.text for comment in item.within]
        for comment in item.beside:
            longer = f"{last[-1]}  {comment.text}"
            if room and place == len(own) - 1 and len(longer) <= WIDTH:
                last[-1], room = longer, False
            else:
                above.append(indent + comment.text)
    return [*above, *last]


def lines_of(comments: Iterable[Comment], indent: str = "") -> list[str]:
    """Comments on lines of their own."""
    lines: list[str] = []
    for comment in comments:
        lines += [""] if comment.apart else []
        lines.append(indent + comment.text)
    return lines


def squeezed(lines: Iterable[str]) -> list[str]:
    """Lines without blank ones at either end, or behind another blank one."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept
