"""Errors as part of the product: located, explained, and all of a file at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossc.grammar.error_codes import RULES
from lossc.grammar.source import Span
from lossc.grammar.words import STATEMENTS

if TYPE_CHECKING:
    from lossc.grammar.syntax import Spec

SHOWN = 20
_NAME = re.compile(r"[A-Za-z_]\w*")
# a line that begins a statement of the DSL, or an entry of a YAML document
_BEGINS = re.compile(rf"\s*((?:{'|'.join(STATEMENTS)})\b|[\w\"'-][^:=]*:(\s|$))")
_LONGEST_LINE = 160


class LosscError(Exception):
    """Whatever lossc raises on purpose."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding at one place.

    Args:
        span: Where; ``None`` when the whole file is at fault (missing, not UTF-8).
        rule: A key of :data:`lossc.grammar.error_codes.RULES`.
        message: What is wrong, in one line.
        expected: What would have been right.
        hint: What to do, often the nearest valid name.
        file: The file's name, where there is no span.
    """

    span: Span | None
    rule: str
    message: str
    expected: str | None = None
    hint: str | None = None
    file: str | None = None

    @property
    def code(self) -> str:
        return RULES[self.rule].code

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "code": self.code,
            "rule": self.rule,
            "message": self.message,
            "expected": self.expected,
            "hint": self.hint,
            "file": self.span.source.name if self.span else self.file,
            "line": self.span.line if self.span else None,
            "column": self.span.column if self.span else None,
            "note": self.span.source.note if self.span else None,
        }

    def __str__(self) -> str:
        where = str(self.span) if self.span else (self.file or "<text>")
        lines = [f"{where}: error {self.code} [{self.rule}]: {self.message}"]
        if self.span is not None:
            lines += _excerpt(self.span)
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        if self.span is not None and self.span.source.note:
            lines.append(f"  note: {self.span.source.note}")
        return "\n".join(lines)


class SpecError(LosscError):
    """The spec is wrong: every diagnostic that could be found in one run."""

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]):
        found = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(sorted(found, key=_place))
        super().__init__(render(self.diagnostics))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)


class UnfinishedSpec(SpecError):
    """Some statements could not be read; what could be is in ``partial``, for further findings.

    Args:
        diagnostics: What could not be read.
        partial: The spec without the broken statements, if enough of it is left.
        lost: Names that the broken statements mention, so that nobody complains of their absence.
    """

    def __init__(
        self,
        diagnostics: Sequence[Diagnostic],
        partial: Spec | None = None,
        lost: frozenset[str] = frozenset(),
    ):
        super().__init__(diagnostics)
        self.partial, self.lost = partial, lost


def lost_names(diagnostics: Sequence[Diagnostic]) -> frozenset[str]:
    """The names in the statements that ``diagnostics`` point at, from their first line on."""
    names: set[str] = set()
    for diagnostic in diagnostics:
        span = diagnostic.span
        if span is None:
            continue
        line = span.line
        while line > 1 and not _BEGINS.match(span.source.line(line)):
            line -= 1
        last = span.source.position(span.end)[0]
        for number in range(line, last + 1):
            names.update(_NAME.findall(span.source.line(number)))
    return frozenset(names)


class InternalError(LosscError):
    """lossc itself is wrong: says which pass broke and shows the graph."""


class NotAMetric(LosscError):
    """A ``loss`` spec was asked for its metric or comparisons: it has none."""


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """The text of up to ``SHOWN`` diagnostics, then how many are left."""
    shown = [str(diagnostic) for diagnostic in diagnostics[:SHOWN]]
    if len(diagnostics) > SHOWN:
        shown.append(f"... and {len(diagnostics) - SHOWN} more errors")
    return "\n".join(shown)


def closest(name: str, names: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the nearest valid name, if one is near."""
    near = difflib.get_close_matches(name, sorted(set(names)), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None


def one_of(names: Iterable[str], limit: int = 12) -> str:
    """``one of: a, b, c`` with a stated rest."""
    listed = sorted(set(names))
    rest = f", ... ({len(listed) - limit} more)" if len(listed) > limit else ""
    return "one of: " + ", ".join(listed[:limit]) + rest


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    if diagnostic.span is None:
        return (diagnostic.file or "", -1)
    return (diagnostic.span.source.name, diagnostic.span.start)


def _excerpt(span: Span) -> list[str]:
    line, column = span.line, span.column
    text = span.source.line(line)
    length = max(1, min(span.end - span.start, len(text) - column + 1))
    if len(text) > _LONGEST_LINE:  # keep the fault in sight on an endless line
        left = max(0, column - 1 - _LONGEST_LINE // 2)
        text, column = text[left : left + _LONGEST_LINE], column - left
        length = min(length, len(text) - column + 1)
    prefix = f"  {line} | "
    # tabs stay tabs, so that the caret stands under its character in every terminal
    padding = "".join("\t" if character == "\t" else " " for character in text[: column - 1])
    return [prefix + text, " " * (len(prefix) - 2) + "| " + padding + "^" * max(1, length)]
