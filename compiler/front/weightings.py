"""Named weightings as the language sees them: which there are, and what options they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lossc.compiler.front.scope import Scope
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.runtime.weightings import WEIGHTINGS, WeightingEntry, WeightingOption


@dataclass(frozen=True)
class Weighting:
    """A named weighting with its options.

    Args:
        name: A key of :data:`WEIGHTINGS`.
        options: Those that are said.
    """

    name: str
    options: tuple[tuple[str, int | float | str], ...] = ()

    @property
    def entry(self) -> WeightingEntry:
        """What the runtime says of it."""
        return WEIGHTINGS[self.name]


def known_weightings() -> Mapping[str, WeightingEntry]:
    """All of them, by the names that they have in the language."""
    return WEIGHTINGS


def read_weighting(call: sx.Call, scope: Scope) -> Weighting | None:
    """A call of a named weighting in `combine`; ``None`` where an option is wrong."""
    known = WEIGHTINGS[call.name.id].options
    options: list[tuple[str, int | float | str]] = []
    good = True
    for key, expr in call.kwargs:
        if key not in known:
            scope.error(
                expr.span,
                "bad-option",
                f"{call.name.id}() has no option '{key}'",
                expected=one_of(known) if known else "no options",
                hint=closest(key, known),
            )
            good = False
            continue
        value = _value(expr, scope)
        wrong = _wrong(known[key], value)
        if wrong:
            scope.error(
                expr.span,
                "bad-option",
                f"'{key}' of {call.name.id}() is {wrong}",
                hint=f"{key}: {known[key].doc}",
            )
            good = False
        elif value is not None:
            options.append((key, value))
    return Weighting(call.name.id, tuple(options)) if good else None


def _value(expr: sx.Expr, scope: Scope) -> int | float | str | None:
    """A number, a text, or what a param is when the spec is compiled."""
    match expr:
        case sx.Number(value=value) | sx.String(value=value):
            return value
        case sx.Negate(value=sx.Number(value=value)):
            return -value
        case sx.Name(id=name):
            return scope.params.get(name)
    return None


def _wrong(option: WeightingOption, value: int | float | str | None) -> str:
    """What an option has to be, if it is not."""
    if option.choices:
        words = one_of(f'"{choice}"' for choice in option.choices)
        return "" if value in option.choices else f"{words}"
    if not isinstance(value, (int, float)):
        return "a number"
    above = value >= option.low if option.closed[0] else value > option.low
    beneath = value <= option.high if option.closed[1] else value < option.high
    if isinstance(option.default, int) and value != int(value):
        return "a whole number"
    if above and beneath:
        return ""
    left, right = "[" if option.closed[0] else "(", "]" if option.closed[1] else ")"
    return f"in {left}{option.low:g}, {option.high:g}{right}, and this is {value:g}"
