"""Text to syntax tree. lark lives in this file only.

Statement words are reserved, so a text falls into statements before it is parsed. Each statement
is parsed on its own: a broken one costs only itself, and all findings of a file come in one run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, UnexpectedToken
from lark.lexer import Lexer

from lossc.grammar import syntax as ast
from lossc.grammar.assemble import assemble
from lossc.grammar.builder import Built
from lossc.grammar.complaints import Fault, complain
from lossc.grammar.errors import Diagnostic, SpecError, UnfinishedSpec, lost_names
from lossc.grammar.source import Source, Span
from lossc.grammar.statement_builder import Builder, Statement
from lossc.grammar.tokens import Place, Token, brackets, oversized, tokenise
from lossc.grammar.words import MAX_FINDINGS, STATEMENTS

_STARTS = [
    *("statement", "expression", "kind", "head", "interval", "param", "option", "value", "use"),
    *("cell", "quantity"),
]


class _NoLexer(Lexer):
    """Tokens are fed one by one, from :func:`lossc.grammar.tokens.tokenise`."""

    def __init__(self, _: object):
        pass

    def lex(self, *_: object) -> Iterator[Any]:
        return iter(())


@cache
def _grammar() -> Lark:
    return Lark(
        (Path(__file__).parent / "expr.lark").read_text(encoding="utf-8"),
        parser="lalr",
        lexer=_NoLexer,
        start=_STARTS,
        strict=True,
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=Builder(),
    )


def parse_specs(source: Source) -> tuple[ast.Spec, ...]:
    """All specs of a ``.lossc`` text.

    Raises:
        SpecError: With every finding of the text.
    """
    too_much = oversized(source)
    if too_much:
        raise SpecError(too_much)
    tokens, found = tokenise(source.text, lambda start, end: Span(source, start, end))
    end = len(source.text.rstrip())
    large = any(each.rule == "too-large" for each in found)
    if large or (found and not any(token.text in STATEMENTS for token in tokens)):
        raise SpecError(found)  # not of this language: nothing else is worth saying
    documents: list[_Document] = [_Document([], Span(source, 0, end))]
    for statement in _statements(tokens):
        if statement.tokens[0].text == "spec":
            start = statement.tokens[0].span.start
            last = documents[-1]
            documents[-1] = _Document(last.statements, Span(source, last.span.start, start))
            documents.append(_Document([], Span(source, start, end)))
        documents[-1].statements.append(statement)
    if not documents[0].statements and len(documents) > 1:
        del documents[0]
    legible = not found
    twice: dict[str, ast.Spec] = {}
    for document in documents:
        spec = _read(document, found, whole=legible)
        if spec and twice.setdefault(spec.name.id, spec) is not spec:
            message = f"spec '{spec.name.id}' is given twice"
            found.append(Diagnostic(spec.name.span, "duplicate", message))
    if found:
        partial = next(iter(twice.values())) if len(documents) == len(twice) == 1 else None
        raise UnfinishedSpec(found, partial, lost_names(found))
    return tuple(twice.values())


def statement_spans(source: Source) -> list[tuple[str, Span]]:
    """The word and the place of every statement of a text that was read without an error."""
    tokens, _ = tokenise(source.text, lambda start, end: Span(source, start, end))
    return [
        (segment.tokens[0].text, segment.tokens[0].span.to(segment.tokens[-1].span))
        for segment in _statements(tokens)
    ]


def parse_expression(text: str, at: Place) -> ast.Expr:
    """An expression that is embedded in another text; ``at`` maps its offsets to that text."""
    expression: ast.Expr = _piece("expression", text, at)
    return expression


def parse_kind(text: str, at: Place) -> ast.Kind:
    """What follows the colon of an input: ``target real[n] = 1``."""
    kind: ast.Kind = _piece("kind", text, at)
    return kind


def parse_head(text: str, at: Place) -> tuple[ast.Name, tuple[ast.Binder, ...]]:
    """What a definition defines: ``predicted[i]``, ``f[r in 1..m]``, ``total``."""
    head: tuple[ast.Name, tuple[ast.Binder, ...]] = _piece("head", text, at)
    return head


def parse_interval(text: str, at: Place) -> ast.Range:
    """A range of numbers: ``(0, inf)``."""
    interval: ast.Range = _piece("interval", text, at)
    return interval


def parse_param(text: str, at: Place) -> tuple[ast.Literal, ast.Range | None]:
    """A param's default with its range: ``0.5 in (0, inf)``."""
    param: tuple[ast.Literal, ast.Range | None] = _piece("param", text, at)
    return param


def parse_value(text: str, at: Place) -> ast.Literal | ast.Option:
    """An option's argument: ``16``, ``sigmoid``, ``sigmoid(temperature = 2)``."""
    value: ast.Literal | ast.Option = _piece("value", text, at)
    return value


def parse_cell(text: str, at: Place) -> ast.Literal:
    """One number of an example, or a word for a param: ``0.9``, ``-inf``, ``background``."""
    cell: ast.Literal = _piece("cell", text, at)
    return cell


def parse_quantity(text: str, at: Place) -> int | float:
    """What an example gives: ``0.8333333``, ``-inf``."""
    quantity: int | float = _piece("quantity", text, at)
    return quantity


def parse_use(text: str, at: Place) -> ast.Use:
    """What follows `use`: ``other``, ``other as alias``."""
    use: ast.Use = _piece("use", text, at)
    return use


def parse_option(text: str, at: Place | None = None) -> ast.Option:
    """A choice with parameters: ``idw(good = 8, gradient = published)``.

    Args:
        text: From a spec, or from Python.
        at: Where it stands in a file. ``None``: it is from Python.
    """
    if at is None:
        source = Source("<option>", text)
        too_much = oversized(source)
        if too_much:
            raise SpecError(too_much)
        option: ast.Option = _piece("option", text, lambda start, end: Span(source, start, end))
    else:
        option = _piece("option", text, at)
    return option


# ---------------------------------------------------------------------------- statements


@dataclass(frozen=True)
class _Segment:
    """The tokens from one statement word to the next, and the token after them."""

    tokens: list[Token]
    after: Token | None


@dataclass(frozen=True)
class _Document:
    statements: list[_Segment]
    span: Span


def _statements(tokens: list[Token]) -> Iterator[_Segment]:
    starts = [place for place, token in enumerate(tokens) if token.text in STATEMENTS]
    if not tokens:  # a text of comments, or of nothing
        return
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        yield _Segment(tokens[start:end], tokens[end] if end < len(tokens) else None)


def _read(document: _Document, found: list[Diagnostic], *, whole: bool) -> ast.Spec | None:
    """The spec of a document, as far as it has one; findings are appended."""
    statements: list[Statement] = []
    if len(found) >= MAX_FINDINGS:
        return None
    skipping = False  # the rest of a line in which a statement word was taken for a name
    for segment in document.statements:
        if len(found) >= MAX_FINDINGS:
            return None
        if skipping and not segment.tokens[0].fresh:
            continue
        skipping = False
        if any(token.type == "wrong" for token in segment.tokens):
            whole = False
            continue
        try:
            statements += _parse("statement", segment.tokens, segment.after)
        except SpecError as error:
            found += error.diagnostics
            whole = False
            skipping = any(each.rule == "keyword-name" for each in error.diagnostics)
    spec, more = assemble(statements, document.span, whole=whole)
    found += more
    return spec


def _piece(start: str, text: str, at: Place) -> Any:
    tokens, found = tokenise(text, at, kind=start == "kind")
    if found:
        raise SpecError(found)
    return _parse(start, tokens, None, at(len(text.rstrip()), len(text.rstrip()))).value


def _parse(start: str, tokens: list[Token], after: Token | None, end: Span | None = None) -> Any:
    """One statement or piece, parsed; the end of a statement stands behind its last token."""
    if end is None:
        last = tokens[-1].span
        end = Span(last.source, last.end, last.end)
    state = _grammar().parse_interactive(start=start)
    result: Any = None
    stop = Token("$END", "", end)
    deep = brackets(tokens)
    if deep and deep.rule == "too-large":
        raise SpecError(deep)
    for place, token in enumerate([*tokens, stop]):
        try:
            result = state.feed_token(token)  # type: ignore[arg-type]
        except UnexpectedToken:
            accepts = state.accepts()  # type: ignore[no-untyped-call]
            complain(Fault(start, tokens, place, token, after, accepts, deep))
    return result.value if isinstance(result, Built) and start == "statement" else result
