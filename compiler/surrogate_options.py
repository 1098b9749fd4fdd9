"""Choices and options of a surrogate, read one by one, with what is wrong about them."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.compiler.choices import ALL_OPTIONS, INTERPOLATIONS, STEP_OPTIONS, STEPS
from lossc.compiler.front.params import plain
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of
from lossc.grammar.parser import parse_option

Given = str | Mapping[str, object] | None

#: How many anchors of `idw` there are of each kind besides the best configuration.
ANCHORS = ("good", "bad", "nearby")


def option_of(slot: str, given: str | Mapping[str, object]) -> sx.Option:
    """What a caller gave as the syntax has it.

    Raises:
        SpecError: The text is no choice.
        TypeError: It is neither a text nor a mapping.
    """
    if isinstance(given, str):
        return parse_option(given)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{slot} takes a name, a name with parameters, or a dict, not {type(given).__name__}"
        )
    options = dict(given)
    name = options.pop("kind", None)
    listed = ", ".join(f"{key} = {_literal(plain(value))}" for key, value in options.items())
    return parse_option(f"{name}({listed})" if listed else str(name))


def _literal(value: object) -> str:
    number = isinstance(value, (int, float))
    return str(value) if number or str(value).isidentifier() else f'"{value}"'


def apply_option(
    slot: str,
    option: sx.Option,
    names: dict[str, str],
    values: dict[str, int | float | str],
    errors: list[Diagnostic],
) -> None:
    """Puts one choice and its options where they belong; what is wrong goes to ``errors``."""
    tables: dict[str, dict[str, tuple[str, ...]]] = {
        "step": {name: (*STEP_OPTIONS, "max_spread") for name in STEPS},
        "interpolation": {
            name: (*entry.run_time, *entry.compile_time, "squash")
            for name, entry in INTERPOLATIONS.items()
        },
    }
    if slot in ("squash", "best", "transform", "gather"):
        _set(option, slot, option.name, values, errors)
        return
    if slot == "memory":
        _set(option, slot, option.name, values, errors)
        for key, value in option.arguments:
            if key == "size" and option.name == "queue":
                _set(option, key, value, values, errors)
            else:
                message = f"{option.name} has no option '{key}'"
                known = ["size"] if option.name == "queue" else []
                errors.append(Diagnostic(option.span, "bad-option", message, one_of(known)))
        return
    if slot not in tables:
        known = [*tables, "squash", "best", "transform", "gather", "memory"]
        message = f"there is no surrogate slot '{slot}'"
        errors.append(
            Diagnostic(option.span, "bad-option", message, one_of(known), closest(slot, known))
        )
        return
    table = tables[slot]
    if option.name not in table:
        errors.append(
            Diagnostic(
                option.span,
                "bad-option",
                f"unknown {slot} '{option.name}'",
                one_of(table),
                closest(option.name, table),
            )
        )
        return
    names[slot] = option.name
    for key, value in option.arguments:
        if key not in table[option.name]:
            errors.append(
                Diagnostic(
                    option.span,
                    "bad-option",
                    f"{option.name} has no option '{key}'",
                    one_of(table[option.name]),
                    closest(key, table[option.name]),
                )
            )
        else:
            _set(option, key, value, values, errors)


def refusals(
    names: Mapping[str, str],
    said: Mapping[str, sx.Option],
    values: Mapping[str, int | float | str],
) -> list[Diagnostic]:
    """Steps, interpolations and options that do not go together."""
    if values["temperature"] == "auto" and values["max_spread"] != "none":
        message = "max_spread has no use beside temperature = auto, which follows the spread"
        return [Diagnostic(said["step"].span, "bad-option", message, "one of the two")]
    without_best = names["interpolation"] == "idw" and values["best"] == "none"
    if without_best and not any(values[kind] for kind in ANCHORS):
        message = "idw(best = none) has no anchors where good, bad and nearby are 0"
        option = said["interpolation"]
        return [Diagnostic(option.span, "bad-option", message, "one of them above 0")]
    step, method = names["step"], INTERPOLATIONS[names["interpolation"]]
    if not (STEPS[step].reaches and method.why_no_reach):
        return []
    option = said.get("step") or said["interpolation"]
    others = [name for name, entry in STEPS.items() if not entry.reaches]
    message = f"{names['interpolation']} cannot be used with {step}: {method.why_no_reach}"
    return [Diagnostic(option.span, "bad-option", message, one_of(others))]


def _set(
    option: sx.Option,
    key: str,
    value: object,
    values: dict[str, int | float | str],
    errors: list[Diagnostic],
) -> None:
    choice = ALL_OPTIONS[key]
    if isinstance(value, sx.Option):
        value = value.name
    if choice.choices:
        if value not in choice.choices:
            message = f"{key} = {value} is not a choice"
            errors.append(
                Diagnostic(
                    option.span,
                    "bad-option",
                    message,
                    one_of(choice.choices),
                    closest(str(value), choice.choices),
                )
            )
            return
        values[key] = str(value)
        return
    if isinstance(value, str) and value in choice.words:
        values[key] = value
        return
    if isinstance(value, (str, bool)) or not isinstance(value, (int, float)):
        errors.append(Diagnostic(option.span, "bad-option", f"{key} takes a number, not {value!r}"))
        return
    least = value > choice.low or (choice.closed and value == choice.low)
    if not least or value == float("inf"):
        interval = f"{'[' if choice.closed else '('}{choice.low:g}, inf)"
        errors.append(
            Diagnostic(
                option.span,
                "param-range",
                f"{key} = {value} is outside {interval}",
                f"a number in {interval}",
            )
        )
        return
    if choice.whole and value != int(value):
        errors.append(
            Diagnostic(option.span, "param-range", f"{key} = {value} is not a whole number")
        )
        return
    values[key] = int(value) if choice.whole else float(value)
