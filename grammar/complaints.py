"""Syntax errors in words that users know: what was expected, and what was probably meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NoReturn

from lossc.grammar.errors import Diagnostic, SpecError, closest
from lossc.grammar.terminals import INFIX, STARTERS, WORDS, in_words, shown
from lossc.grammar.tokens import Token
from lossc.grammar.words import REDUCTIONS, RESERVED, STATEMENTS, TYPES

_REDUCTION = "a reduction: sum, mean, min, max, argmax, any, all, count, ..."
_STATEMENT = "a statement: input, param, let, decode, evaluate, minimize, loss, ..."
_OTHER_TYPES = {"float": "real", "double": "real", "number": "real", "long": "int", "mask": "bool"}
_OTHER_REDUCTIONS = {
    "maximum": "max",
    "minimum": "min",
    "average": "mean",
    "avg": "mean",
    "product": "prod",
    "exists": "any",
    "forall": "all",
    "number": "count",
}
_OTHER_WORDS = {
    "if": "write `where(condition, a, b)`",
    "is": "write `==`",
    "for": "an index is bound by a reduction: `sum[i] x[i]`",
    "when": "a filter stands behind `|`: `mean[i | condition] x[i]`",
    "where": "a filter stands behind `|`: `mean[i | condition] x[i]`",
}


@dataclass(frozen=True)
class Fault:
    """Where the parser stopped.

    Args:
        start: What was being parsed: a rule of ``expr.lark``.
        tokens: All tokens of it.
        place: Index of the token at fault; behind the last one at the end.
        after: The token that follows the last one: a statement word, or nothing.
        accepts: The terminals that could have come.
        bracket: The first bracket of the tokens that does not fit.
    """

    start: str
    tokens: list[Token]
    place: int
    token: Token
    after: Token | None
    accepts: set[str]
    bracket: Diagnostic | None

    @property
    def before(self) -> Token | None:
        return self.tokens[self.place - 1] if self.place else None

    @property
    def next(self) -> Token | None:
        return self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None

    @property
    def at_end(self) -> bool:
        return self.place == len(self.tokens)

    @property
    def expected(self) -> str | None:
        """What could have come, in words."""
        end = "the next statement" if self.start == "statement" else "the end"
        return in_words(self.accepts, end)

    def opener(self, place: int) -> int | None:
        """The bracket that is open before a place."""
        depth = 0
        for index in range(place - 1, -1, -1):
            text = self.tokens[index].text
            depth += (text in (")", "]")) - (text in ("(", "["))
            if depth < 0:
                return index
        return None


def complain(fault: Fault) -> NoReturn:
    """Raise the best explanation of a fault."""
    for explain in _EXPLANATIONS:
        found = explain(fault)
        if found:
            raise SpecError(found)
    if fault.at_end and not fault.tokens:
        message = "nothing stands here"
    elif fault.at_end:
        message = "this breaks off"
    else:
        message = f"unexpected {shown(fault.token)}"
    raise SpecError(Diagnostic(fault.token.span, "syntax", message, fault.expected))


# ---------------------------------------------------------------------------- what was meant


def _keyword(fault: Fault) -> Diagnostic | None:
    """A reserved word where a name belongs: `input loss: real[n]`, `let at = 3`."""
    if "NAME" not in fault.accepts:
        return None
    token = fault.token
    if fault.at_end:
        if fault.after is None or fault.after.fresh:
            return None
        token = fault.after
    elif token.text in RESERVED:
        following = fault.next.type if fault.next else "$END"
        operand = following in STARTERS - {"LSQB", "MINUS"}
        if operand or (token.text == "not" and "LPAR" in fault.accepts):
            return None
    elif token.type in ("REDUCER", "ORDER", "COUNT") and token.type not in fault.accepts:
        if "LPAR" in fault.accepts:
            return None
        message = f"'{token.text}' is a reduction and cannot be a name with subscripts"
        hint = f"'{token.text}[...]' always reads as the reduction: choose another name"
        return Diagnostic(token.span, "keyword-name", message, "a name", hint)
    else:
        return None
    message = f"'{token.text}' is a word of the language and cannot be a name"
    expected = "an expression" if "LPAR" in fault.accepts else "a name"
    return Diagnostic(token.span, "keyword-name", message, expected, f"try '{token.text}_'")


def _statement(fault: Fault) -> Diagnostic | None:
    """A misspelt or forgotten statement word at the beginning of a line."""
    token = fault.token
    if fault.start != "statement" or fault.at_end:
        return None
    first = fault.place == 0
    near = closest(token.text, STATEMENTS)
    if not first and (token.type != "NAME" or not token.fresh or "NAME" in fault.accepts):
        return None
    if token.type != "NAME":
        return Diagnostic(token.span, "syntax", f"unexpected {shown(token)}", _STATEMENT)
    defines = fault.next is not None and fault.next.text in ("[", "=")
    if not first and near is None and not defines:
        return None
    if near is None and defines:
        near = "a definition begins with `let` or `decode`"
    return Diagnostic(token.span, "syntax", f"unknown statement '{token.text}'", _STATEMENT, near)


def _bracket(fault: Fault) -> Diagnostic | None:
    return fault.bracket


def _reduction(fault: Fault) -> Diagnostic | None:
    """A misspelt reduction, which reads as an indexed name: `agmax[j] x[j]`."""
    before, token = fault.before, fault.token
    if before is None or token.text in _OTHER_WORDS:
        return None
    if token.text in ("|", "in", ".."):
        opener = fault.opener(fault.place)
    elif before.text == "]" and token.type in STARTERS:
        opener = fault.opener(fault.place - 1)
    else:
        return None
    if not opener or fault.tokens[opener].text != "[":
        return None
    name = fault.tokens[opener - 1]
    if name.type != "NAME":
        return None
    near = _reduction_like(name.text)
    if token.text == "[" and near is None and before.span.end == token.span.start:
        message = "only names have subscripts, and only once"
        hint = f"write {name.text}[i, j] for {name.text}[i][j]"
        return Diagnostic(token.span, "syntax", message, fault.expected, hint)
    message = f"unknown operation '{name.text}'"
    return Diagnostic(name.span, "unknown-name", message, _REDUCTION, near)


def _reduction_like(name: str) -> str | None:
    """The hint for a misspelt reduction; `scores` is not a misspelt `sort`."""
    other = _OTHER_REDUCTIONS.get(name)
    if other is None and any(
        SequenceMatcher(None, name, word).ratio() > 0.7 for word in REDUCTIONS
    ):
        return closest(name, REDUCTIONS)
    return f"did you mean '{other}'?" if other else None


def _habit(fault: Fault) -> Diagnostic | None:
    """What other languages write otherwise."""
    token, before, accepts = fault.token, fault.before, fault.accepts
    hint = None
    message = f"unexpected {shown(token)}"
    if token.text == "=" and accepts & INFIX:
        message, hint = "`=` does not compare", "write `==`"
    elif token.type == "CMP" and "AND" in accepts:
        message, hint = "comparisons do not chain", "write `a < b and b < c`"
    elif token.type == "NAME" and before and before.type == "NUMBER" and accepts & INFIX:
        if before.span.end == token.span.start:
            hint = f"a product is written `{before.text} * {token.text}`"
    elif token.type in ("REDUCER", "ORDER") and "LPAR" in accepts:
        hint = f"put the `{token.text}` in round brackets here"
    elif token.type == "NOT" and "LPAR" in accepts:
        hint = "put `not ...` in brackets here"
    elif token.type in ("MUL", "CIRCUMFLEX") and "PLUS" in accepts:
        hint = "put what stands behind `at`, or all from `sort` on, in round brackets"
    elif token.type == "ELSE":
        hint = "put `... else ...` in round brackets here"
    if hint is None and token.type == "NAME":
        hint = _OTHER_WORDS.get(token.text)
    if hint is None:
        return None
    return Diagnostic(token.span, "syntax", message, fault.expected, hint)


def _type(fault: Fault) -> Diagnostic | None:
    """A type that the language does not have."""
    token = fault.token
    if "TYPE" not in fault.accepts or token.type != "NAME":
        return None
    other = _OTHER_TYPES.get(token.text)
    hint = f"did you mean '{other}'?" if other else closest(token.text, TYPES)
    message = f"unknown type '{token.text}'"
    return Diagnostic(token.span, "syntax", message, WORDS["TYPE"], hint)


_EXPLANATIONS: tuple[Callable[[Fault], Diagnostic | None], ...] = (
    _keyword,
    _statement,
    _bracket,
    _reduction,
    _type,
    _habit,
)
