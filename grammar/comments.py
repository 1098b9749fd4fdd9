"""Comments of a text, each with the statement that it belongs to. They are no part of the tree."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lossc.grammar.parser import statement_spans
from lossc.grammar.source import Source, Span
from lossc.grammar.tokens import comment_ranges

_UNPRINTABLE = re.compile("[^\t -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Comment:
    """``# ...`` up to the end of its line.

    Args:
        text: From its ``#`` on.
        span: Where.
        apart: A blank line stands before it.
    """

    text: str
    span: Span
    apart: bool


@dataclass
class Item:
    """A statement, or the key of a section of a YAML document, with its comments.

    Args:
        word: The statement word; ``key:`` for a key of a YAML document, nothing for what it holds.
        start: Offset of its first character.
        end: Offset behind its last one.
        above: Comments on lines of their own before it.
        within: Comments between its first and its last character.
        beside: The comment behind it on its last line.
        apart: A blank line stands between it and the comments above.
    """

    word: str
    start: int
    end: int
    above: list[Comment] = field(default_factory=list)
    within: list[Comment] = field(default_factory=list)
    beside: list[Comment] = field(default_factory=list)
    apart: bool = False

    @property
    def comments(self) -> list[Comment]:
        return [*self.above, *self.within, *self.beside]


class Comments:
    """The comments of a text, handed out with the statements that they belong to.

    Each item is handed out once: ``input a, b: real`` is two statements and one item.

    Args:
        items: In the order of the text.
        tail: What follows the last of them.
    """

    def __init__(self, items: Sequence[Item] = (), tail: Sequence[Comment] = ()):
        self._items, self.tail = list(items), list(tail)
        self._starts = [item.start for item in items]
        self._left = set(range(len(items)))

    def of(self, span: Span) -> Item | None:
        """The item that a statement is."""
        return self._take(bisect_right(self._starts, span.start) - 1)

    def named(self, word: str, spec: Span) -> Item | None:
        """The item with a statement word or a key, in a spec."""
        for place, item in enumerate(self._items):
            if item.word == word and spec.start <= item.start < spec.end:
                return self._take(place)
        return None

    def printable(self) -> Comments:
        """The same comments with the characters that YAML takes; others are escaped."""
        items = [
            replace(
                item,
                above=_printable(item.above),
                within=_printable(item.within),
                beside=_printable(item.beside),
            )
            for item in self._items
        ]
        return Comments(items, _printable(self.tail))

    def texts(self) -> list[str]:
        """All comments, in their order within the items."""
        found = [comment for item in self._items for comment in item.comments]
        return [comment.text for comment in [*found, *self.tail]]

    def left(self) -> list[Comment]:
        """The comments of all that was never asked for, and the tail."""
        items = [self._items[place] for place in sorted(self._left)]
        self._left.clear()
        return [*(comment for item in items for comment in item.comments), *self.tail]

    def _take(self, place: int) -> Item | None:
        if place not in self._left:
            return None
        self._left.remove(place)
        return self._items[place]


def printable(text: str) -> str:
    """A text whose control characters and line ends are escaped, as YAML takes none of them."""
    return _UNPRINTABLE.sub(lambda match: repr(match.group())[1:-1], text)


def comments_of(source: Source) -> Comments:
    """The comments of a ``.lossc`` text that was read without an error."""
    items = [Item(word, span.start, span.end) for word, span in statement_spans(source)]
    spans = [Span(source, start, end) for start, end in comment_ranges(source.text)]
    return arrange(source, items, [(span.text, span) for span in spans])


def arrange(
    source: Source, items: Sequence[Item], comments: Iterable[tuple[str, Span]]
) -> Comments:
    """Each comment with the item that it belongs to.

    Within an item, and behind it on its last line, it is the item's; else it belongs to the item
    that follows, and at the end of the text to none.
    """
    starts = [item.start for item in items]
    tail: list[Comment] = []
    for text, span in sorted(comments, key=lambda comment: comment[1].start):
        comment = Comment(text.rstrip(), span, _blank_before(source.text, span.start))
        place = bisect_right(starts, span.start) - 1
        before = items[place] if place >= 0 else None
        if before is not None and span.start < before.end:
            before.within.append(comment)
        elif before is not None and "\n" not in source.text[before.end : span.start]:
            before.beside.append(comment)
        elif place + 1 < len(items):
            items[place + 1].above.append(comment)
        else:
            tail.append(comment)
    for item in items:
        item.apart = bool(item.above) and _blank_before(source.text, item.start)
    return Comments(items, tail)


def _printable(comments: Iterable[Comment]) -> list[Comment]:
    return [replace(comment, text=printable(comment.text)) for comment in comments]


def _blank_before(text: str, place: int) -> bool:
    """Whether the line before the one of ``place`` is blank."""
    line = text.rfind("\n", 0, place)
    above = text.rfind("\n", 0, line)
    return line > 0 and not text[above + 1 : line].strip()
