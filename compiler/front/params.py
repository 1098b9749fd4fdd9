"""Parameter values: the spec's defaults, the user's overrides, and the ranges that both respect."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of

Values = dict[str, int | float | str]


def bind_params(
    spec: sx.Spec, overrides: Mapping[str, int | float | str]
) -> tuple[Values, list[Diagnostic]]:
    """Values by name, and what is wrong with them."""
    declared = {param.name.id: param for param in spec.params}
    values: Values = {}
    errors: list[Diagnostic] = []
    for name in overrides:
        if name not in declared:
            errors.append(
                Diagnostic(
                    spec.name.span,
                    "bad-option",
                    f"'{spec.name.id}' has no param '{name}'",
                    expected=one_of(declared) if declared else "no params",
                    hint=closest(name, declared),
                )
            )
    for name, param in declared.items():
        value = overrides.get(name, param.default)
        if isinstance(value, str) != isinstance(param.default, str):
            want = "a text" if isinstance(param.default, str) else "a number"
            errors.append(
                Diagnostic(param.span, "param-range", f"param '{name}' is {want}, not {value!r}")
            )
            value = param.default
        if isinstance(value, bool):
            value = int(value)
        if isinstance(param.default, int) and isinstance(value, float) and value.is_integer():
            value = int(value)
        if (
            param.range is not None
            and not isinstance(value, str)
            and not inside(param.range, value)
        ):
            errors.append(
                Diagnostic(
                    param.range.span,
                    "param-range",
                    f"param '{name}' = {value} is outside {show_range(param.range)}",
                    expected=f"a number in {show_range(param.range)}",
                )
            )
        values[name] = value
    return values, errors


def inside(bounds: sx.Range, value: float) -> bool:
    """Whether ``value`` is in the interval; NaN never is."""
    above = value >= bounds.low if bounds.closed_low else value > bounds.low
    beneath = value <= bounds.high if bounds.closed_high else value < bounds.high
    return above and beneath


def show_range(bounds: sx.Range) -> str:
    """``(0, inf)``."""
    left, right = "[" if bounds.closed_low else "(", "]" if bounds.closed_high else ")"
    return f"{left}{bounds.low:g}, {bounds.high:g}{right}"
