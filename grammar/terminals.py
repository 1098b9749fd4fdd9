"""The terminals of the grammar in words that users know."""

from __future__ import annotations

from collections.abc import Set

from lossc.grammar.tokens import Token

#: What an expression can begin with, and what can join two.
STARTERS = {
    *("NAME", "NUMBER", "STRING", "LPAR", "LSQB", "MINUS", "NOT", "REDUCER", "ORDER", "COUNT")
}
INFIX = {"CMP", "MUL", "PLUS", "MINUS", "CIRCUMFLEX", "AND", "OR", "ELSE"}
WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": '`"..."`',
    "TYPE": "a type: real, int, bool",
    "TARGET": "`target`",
    "CMP": "a comparison",
    "MUL": "`*` or `/`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "VBAR": "`|`",
    "DOTS": "`..`",
    "MINUS": "`-`",
    "PLUS": "`+`",
    "CIRCUMFLEX": "`^`",
}


def shown(token: Token) -> str:
    """A token as messages quote it."""
    return f"'{token.text}'" if token.text[:1] != '"' else "a text"


def in_words(terminals: Set[str], end: str) -> str | None:
    """The terminals that could have come; ``end`` is what the end is called."""
    left = set(terminals)
    words: list[str] = []
    if {"NAME", "NUMBER", "LPAR"} <= left:
        words.append("an expression")
        left -= STARTERS
    elif {"NAME", "NUMBER", "STRING"} <= left:
        words.append("a number, a name or a text")
        left -= {"NAME", "NUMBER", "STRING", "MINUS"}
    elif {"NAME", "NUMBER", "RPAR"} <= left:
        words.append("an option: `name = value`")
        left -= {"NAME", "NUMBER"}
    elif {"NAME", "NUMBER"} <= left:
        words.append("a dim: a name or a number")
        left -= {"NAME", "NUMBER"}
    ends = "$END" in left
    left.discard("$END")
    infix = left & INFIX
    if len(infix) > 1:
        left -= infix
    if len(infix) > 1:
        words.append("an operator")
    words += sorted(WORDS.get(type_, f"`{type_.lower()}`") for type_ in left)
    if ends:
        words.append(end)
    if len(words) < 2:
        return words[0] if words else None
    return ", ".join(words[:-1]) + " or " + words[-1]
