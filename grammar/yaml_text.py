"""Scalars of YAML as text, quoted only where they must be."""

from __future__ import annotations

import re
from enum import Enum

from lossc.grammar.source import Source, Span
from lossc.grammar.yaml_tree import Scalar

_NOWHERE = Span(Source("<yaml>", ""), 0, 0)
_UNSAFE = re.compile(r"""^[-\[\]{}*&|>!%@`"'#,?:=<~]|^\s|\s$|: |:$| #|[^ -~]|^---|^\.\.\.""")


class Plain(Enum):
    """Which scalars may stand without quotes."""

    TEXT = "those that are read as the same text"
    NUMBER = "numbers too"
    NEVER = "none"


def text(value: str, plain: Plain = Plain.TEXT) -> str:
    """A scalar that is read as ``value``."""
    resolved = Scalar(value, "", _NOWHERE).value
    bare = isinstance(resolved, str) or (plain is Plain.NUMBER and type(resolved) in (int, float))
    minus = re.match(r"-[^-\s\[({]", value) is not None and not _UNSAFE.search(value[1:])
    if plain is not Plain.NEVER and bare and (minus or not _UNSAFE.search(value)):
        return value
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
