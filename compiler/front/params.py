"""Parameter values: the spec's defaults, the user's overrides, and the ranges that both respect."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite

from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of
from lossc.grammar.source import Span

Values = dict[str, int | float | str]


def bind_params(spec: sx.Spec, overrides: Mapping[str, object]) -> tuple[Values, list[Diagnostic]]:
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
        words = words_of(spec, name) if isinstance(param.default, str) else set()
        value, complaint = bind_param(param, plain(overrides.get(name, param.default)), words)
        if complaint is not None:
            errors.append(complaint)
        values[name] = value
    return values, [*errors, *_check_inputs(spec, values)]


def plain(value: object) -> object:
    """The Python number of a scalar of torch or numpy; anything else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def words_of(spec: sx.Spec, name: str) -> set[str]:
    """The texts that a spec compares a param with by ``==``: any other would silently mean none.

    Empty if it is also compared by ``!=``: then every other text has a meaning.
    """
    found: set[str] = set()
    stack: list[object] = [*spec.definitions, *spec.terms, spec.goal]
    while stack:
        node = stack.pop()
        if isinstance(node, sx.Compare):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, sx.Name) and one.id == name and isinstance(other, sx.String):
                    if node.op == "!=":
                        return set()
                    found.add(other.value)
        if isinstance(node, tuple):
            stack.extend(node)
        elif is_dataclass(node) and not isinstance(node, Span | sx.Spec):
            stack.extend(getattr(node, field.name) for field in fields(node))
    return found


def bind_param(
    param: sx.Param, value: object, words: Collection[str] = ()
) -> tuple[int | float | str, Diagnostic | None]:
    """What a param becomes, and what is wrong with it; ``words`` are those that have a meaning.

    A whole default says nothing of fractions: ``param beta = 1`` may be compiled with 0.5. It is a
    real number from there on, so a subscript or a range that needs a whole one says so.
    """
    name, default, bounds = param.name.id, param.default, param.range
    if isinstance(default, str):
        if isinstance(value, str):
            known = {*words, default}
            if not words or value in known:
                return value, None
            message = f"param '{name}' = \"{value}\" has no meaning here"
            near = closest(value, known)
            return default, Diagnostic(param.span, "param-range", message, one_of(known), near)
        message = f"param '{name}' is a text, not {value!r}"
        return default, Diagnostic(param.span, "param-range", message)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        message = f"param '{name}' is a number, not {value!r}"
        return default, Diagnostic(param.span, "param-range", message)
    if isinstance(default, float) and abs(value) <= sys.float_info.max:
        value = float(value)
    if isinstance(value, float) and isinstance(default, int) and value.is_integer():
        value = int(value)
    if bounds is not None and not inside(bounds, value):
        message = f"param '{name}' = {value} is outside {show_range(bounds)}"
        expected = f"a number in {show_range(bounds)}"
        return value, Diagnostic(bounds.span, "param-range", message, expected)
    return value, None


def _check_inputs(spec: sx.Spec, values: Values) -> list[Diagnostic]:
    """What the declarations of inputs say of params and of inputs that may be left out."""
    errors = []
    given = {d.size for entry in spec.inputs if entry.kind.default is None for d in entry.kind.dims}
    reported: set[str | int] = set()
    for entry in spec.inputs:
        kind, name = entry.kind, entry.name.id
        if kind.ignore is not None:
            ignored = values.get(kind.ignore.id, 0)
            if isinstance(ignored, str) or ignored != ignored // 1:
                message = f"'ignore' takes a param that is a whole number, not {ignored!r}"
                errors.append(Diagnostic(kind.ignore.span, "wrong-kind", message))
        if kind.range is not None and _is_empty(kind.range):
            message = f"no number is in {show_range(kind.range)}, the range of '{name}'"
            errors.append(Diagnostic(kind.range.span, "wrong-kind", message))
            continue
        if kind.default is None:
            continue
        for dim in kind.dims:
            if isinstance(dim.size, str) and dim.size not in given | reported:
                reported.add(dim.size)
                message = f"dim '{dim.size}' occurs only in inputs that may be left out"
                hint = "its size must be known from an input without a default"
                errors.append(Diagnostic(dim.span, "dim-clash", message, hint=hint))
        expected = _expected_default(kind, values)
        if expected is not None:
            message = f"the default {kind.default!r} is not a value of '{name}'"
            errors.append(Diagnostic(kind.span, "wrong-kind", message, expected))
    live = [entry for entry in spec.inputs if entry.kind.live]
    if live and all(entry.kind.default is not None for entry in live):
        message = "every live input may be left out, and then there is nothing to learn"
        errors.append(Diagnostic(live[0].kind.span, "not-live", message))
    return errors


def _expected_default(kind: sx.Kind, values: Values) -> str | None:
    """What the default of an input should have been; ``None`` if it is right."""
    default = kind.default
    assert default is not None
    if kind.type == "real":
        if isinstance(default, str):
            return "a number"
        if kind.range is not None and not inside(kind.range, default):
            return f"a number in {show_range(kind.range)}"
        return None
    if kind.type == "bool":
        return None if not isinstance(default, str) and default in (0, 1) else "0 or 1"
    if not isinstance(default, int):
        return "a whole number"
    if kind.below is None or (kind.ignore and values.get(kind.ignore.id) == default):
        return None
    size = kind.below.size
    if default < 0 or (isinstance(size, int) and default >= size):
        return (
            f"a whole number from 0 to {size - 1}" if isinstance(size, int) else f"one below {size}"
        )
    return None


def inside(bounds: sx.Range, value: float) -> bool:
    """Whether ``value`` is in the interval; NaN never is."""
    above = value >= bounds.low if bounds.closed_low else value > bounds.low
    beneath = value <= bounds.high if bounds.closed_high else value < bounds.high
    return above and beneath


def _is_empty(bounds: sx.Range) -> bool:
    """Whether no finite number is in the interval."""
    closed = bounds.closed_low and bounds.closed_high
    return not bounds.low < bounds.high and not (
        closed and isfinite(bounds.low) and bounds.low == bounds.high
    )


def show_range(bounds: sx.Range) -> str:
    """``(0, inf)``."""
    left, right = "[" if bounds.closed_low else "(", "]" if bounds.closed_high else ")"
    return f"{left}{bounds.low:g}, {bounds.high:g}{right}"
