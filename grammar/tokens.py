"""Text to tokens, with every finding that needs no grammar: characters, numbers, brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isinf

from lossc.grammar.errors import Diagnostic
from lossc.grammar.source import Source, Span
from lossc.grammar.words import (
    GIVES,
    GOALS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_FINDINGS,
    MAX_INTEGER,
    MAX_TOKENS,
    ORDERS,
    REDUCERS,
    RESERVED,
    STATEMENTS,
    TYPES,
)

#: Maps the offsets of a text to where that text stands in a file.
Place = Callable[[int, int], Span]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the text.

    Args:
        type: The terminal of ``expr.lark``.
        text: As written.
        span: Where.
        value: What a number or a string stands for.
        fresh: No other token stands before it on its line.
    """

    type: str
    text: str
    span: Span
    value: int | float | str = ""
    fresh: bool = False


_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r\f]+ | \#[^\n]*)
  | (?P<newline>\n)
  | (?P<NUMBER>[0-9]+(?:\.(?!\.)[0-9]*)?(?:[eE][+-]?[0-9]+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
  | (?P<wrong>\*\*|&&?|\|\||=>|=<|<>|\+\+|===|!(?!=)|\.[0-9]+
      |'[^'\n]*'?|"[^\n]*|[“”„«»][^“”„«»"\n]*[“”„«»"]?)
  | (?P<fixed>\.\.|==|!=|<=|>=|//|[-+*/%^<>=()\[\],:|])
  | (?P<unknown>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_TERMINALS = (
    {"+": "PLUS", "-": "MINUS", "^": "CIRCUMFLEX", "=": "EQUAL", "..": "DOTS"}
    | {"(": "LPAR", ")": "RPAR", "[": "LSQB", "]": "RSQB", ",": "COMMA", ":": "COLON", "|": "VBAR"}
    | {word: word.upper() for word in RESERVED}
    | dict.fromkeys(GOALS, "GOAL")
    | dict.fromkeys(("let", "decode", "truth"), "DEFINE")
    | dict.fromkeys(("==", "!=", "<=", ">=", "<", ">", "beats"), "CMP")
    | dict.fromkeys(("*", "/", "//", "%"), "MUL")
)
_BEFORE_BRACKET = (
    dict.fromkeys(REDUCERS, "REDUCER") | dict.fromkeys(ORDERS, "ORDER") | {"count": "COUNT"}
)
_OPENS = re.compile(r"(?:\s|\#[^\n]*+)*+\[")
_INSTEAD = {
    "**": "a power is written `^`",
    "&&": "write `and`",
    "&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "=>": "write `>=`",
    "=<": "write `<=`",
    "<>": "write `!=`",
    "===": "write `==`",
    "++": "write `+`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "−": "write `-`",
    "×": "write `*`",
    "·": "write `*`",
    "~": "write `not`",
    "?": "write `where(condition, a, b)`",
    ";": "statements need no separator",
    "{": "subscripts and filters are in `[ ]`",
    "}": "subscripts and filters are in `[ ]`",
    ".": "there are no attributes: functions are called as f(x), ranges written as 1..m",
}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n"}
_OPENERS = {"(": ")", "[": "]"}


def tokenise(text: str, at: Place, *, kind: bool = False) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens of a text, and what is wrong with its characters.

    Args:
        text: A file, or an expression out of one.
        at: Where a range of the text stands in the file.
        kind: The text is the part of an ``input`` after its colon, where `real`, `int`, `bool` and
            `target` are types; everywhere else they are ordinary names.
    """
    tokens: list[Token] = []
    wrong: list[Diagnostic] = []
    fresh, typed, giving = True, kind, False
    for match in _TOKEN.finditer(text):
        sort, word = match.lastgroup, match.group()
        if sort == "blank":
            continue
        if sort == "newline":
            fresh = True
            continue
        start, end = match.span()
        if len(wrong) >= MAX_FINDINGS:  # no text of this language at all
            break
        if len(tokens) >= MAX_TOKENS:
            message = f"a spec has at most {MAX_TOKENS:,} words, numbers and signs"
            wrong.append(Diagnostic(at(start, end), "too-large", message))
            break
        if word == "\ufeff" and start == 0:  # a byte order mark
            continue
        span = at(start, end)
        value: int | float | str = ""
        if sort == "word" and word.isascii():
            type_ = _TERMINALS.get(word, "NAME")
            if word in STATEMENTS:
                giving = word == "example"
            if type_ == "NAME" and _BEFORE_BRACKET.get(word) and _OPENS.match(text, end):
                type_ = _BEFORE_BRACKET[word]
            elif typed and word in TYPES:
                type_, typed = "TYPE", False
            elif typed and word == "target":
                type_ = "TARGET"
            elif giving and word == GIVES:
                type_ = "GIVES"
            else:
                typed = False
        elif sort == "NUMBER":
            type_, value = "NUMBER", _number(word, span, wrong)
        elif sort == "STRING":
            type_, value = "STRING", _string(word, at, start, wrong)
        elif sort == "fixed":
            type_ = _TERMINALS[word]
            typed = word == ":"
        else:
            wrong.append(_unknown(word, span))
            type_ = "wrong"
        tokens.append(Token(type_, word, span, value, fresh))
        fresh = False
    return tokens, wrong


def comment_ranges(text: str) -> list[tuple[int, int]]:
    """Where the comments of a text stand."""
    found = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "blank" and match.group().startswith("#"):
            found.append(match.span())
    return found


def oversized(source: Source) -> Diagnostic | None:
    """The finding that a text is too long, or holds characters that no text holds."""
    text = source.text
    if len(text) > MAX_CHARACTERS:
        message = f"a spec has at most {MAX_CHARACTERS:,} characters, this one has {len(text):,}"
        return Diagnostic(Span(source, 0, 0), "too-large", message)
    bad = re.search("[\0\ud800-\udfff]", text)
    if bad:
        message = f"not a text: character U+{ord(bad.group()):04X}"
        return Diagnostic(Span(source, bad.start(), bad.end()), "not-text", message)
    return None


def brackets(tokens: list[Token]) -> Diagnostic | None:
    """The first bracket that is never closed, closed by the other kind, or too deep."""
    stack: list[tuple[Token, bool]] = []
    bounded = False
    for place, token in enumerate(tokens):
        if token.text in STATEMENTS:
            bounded = token.text in ("param", "input")
        if token.text in _OPENERS:
            # the ends of an interval are open or closed: `in (0, 1]`
            interval = bounded and place > 0 and tokens[place - 1].text == "in"
            stack.append((token, interval))
            if len(stack) > MAX_DEPTH:
                message = f"brackets nest deeper than {MAX_DEPTH}"
                return Diagnostic(token.span, "too-large", message)
        elif token.text in (")", "]"):
            if not stack:
                message = f"'{token.text}' closes nothing"
                return Diagnostic(token.span, "unclosed-bracket", message)
            opener, interval = stack.pop()
            if token.text != _OPENERS[opener.text] and not interval:
                message = f"'{opener.text}' is closed by '{token.text}'"
                hint = f"the bracket at {_where(token.span)} should be '{_OPENERS[opener.text]}'"
                expected = f"`{_OPENERS[opener.text]}`"
                return Diagnostic(opener.span, "unclosed-bracket", message, expected, hint)
    if stack:
        opener = stack[-1][0]
        message = f"'{opener.text}' is never closed"
        return Diagnostic(opener.span, "unclosed-bracket", message, f"`{_OPENERS[opener.text]}`")
    return None


def _where(span: Span) -> str:
    return f"line {span.line}, column {span.column}"


def _number(word: str, span: Span, wrong: list[Diagnostic]) -> int | float:
    if word.isdigit():
        if len(word.lstrip("0")) <= 16 and (value := int(word)) <= MAX_INTEGER:
            return value
        wrong.append(Diagnostic(span, "bad-number", "integers go up to 2^53"))
        return 0
    number = float(word)
    mantissa = re.split("[eE]", word)[0]
    if isinf(number) or (number == 0 and mantissa.strip("0.")):
        size = "large" if isinf(number) else "small"
        wrong.append(Diagnostic(span, "bad-number", f"this number is too {size}"))
        return 0
    return number


def _string(word: str, at: Place, start: int, wrong: list[Diagnostic]) -> str:
    def unescape(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            span = at(start + 1 + match.start(), start + 1 + match.end())
            message = f"unknown escape '{match[0]}' in a string"
            wrong.append(Diagnostic(span, "syntax", message, '`\\"`, `\\\\` or `\\n`'))
        return _ESCAPES.get(match[1], "")

    return re.sub(r"\\(.)", unescape, word[1:-1])


def _unknown(word: str, span: Span) -> Diagnostic:
    if word[0] == "'":
        hint = "strings are in double quotes"
        return Diagnostic(span, "syntax", "strings are not written with '", '`"..."`', hint)
    if word[0] in "“”„«»":
        return Diagnostic(span, "syntax", "typographic quotes", '`"..."`', 'use the plain `"`')
    if word[0] == '"':
        return Diagnostic(span, "syntax", "the string is not closed on its line", '`"`')
    if word[0] == "." and len(word) > 1:
        return Diagnostic(span, "syntax", f"'{word}' is not a number", f"`0{word}`")
    if word.isalpha() or word.isidentifier():
        message = f"a name has only the letters a-z, digits and _: '{word}'"
        return Diagnostic(span, "syntax", message)
    shown = f"'{word}'" if word.isprintable() else f"U+{ord(word[0]):04X}"
    return Diagnostic(span, "syntax", f"unknown character {shown}", hint=_INSTEAD.get(word))
