"""What can be wrong with an example before anything is computed: names, shapes, values."""

from __future__ import annotations

from collections.abc import Iterator

from lossc.compiler.front.params import bind_param, inside, show_range, words_of
from lossc.compiler.front.scope import Scope
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.grammar.source import Span

Values = dict[str, int | float | str]
MOST_NUMBERS = 1_000  # of one input: every compile computes every example


def check_examples(scope: Scope) -> None:
    """Notes every error in the examples of a spec."""
    for example in scope.spec.examples:
        params = example_params(scope.spec, example)
        sizes: dict[str, int] = {}
        sound = [_check_shape(scope, *given, sizes) for given in example.inputs]
        for (name, array), right in zip(example.inputs, sound, strict=True):
            if name.id in scope.inputs and right:
                _check_values(scope, scope.inputs[name.id], name.span, array, params, sizes)
        named = {name.id for name, _ in example.inputs}
        misspelt = scope.lost or not named <= {*scope.inputs, *params}
        for entry in scope.spec.inputs:
            if entry.kind.default is None and entry.name.id not in named and not misspelt:
                message = f"the example does not say what '{entry.name.id}' is"
                expected = f"`{entry.name.id} = ...`"
                scope.error(example.span, "missing-part", message, expected=expected)


def example_params(spec: sx.Spec, example: sx.Example) -> Values:
    """The params that an example is meant for: its own, and the spec's defaults."""
    values = {param.name.id: param.default for param in spec.params}
    own = {name.id: array for name, array in example.inputs if name.id in values}
    for param in spec.params:
        if param.name.id in own:
            values[param.name.id], _ = bind_param(param, own[param.name.id])
    return values


def shape_of(array: sx.Array) -> list[int] | None:
    """How long the lists of an array are, from the outside in; ``None`` if they differ.

    Nothing is known of what an empty list would hold, so its shape ends there.
    """
    if not isinstance(array, tuple):
        return []
    shapes = [shape_of(item) for item in array]
    if any(shape is None or shape != shapes[0] for shape in shapes):
        return None
    return [len(array), *(shapes[0] or [])] if shapes else [0]


def numbers_of(array: sx.Array) -> Iterator[sx.Literal]:
    """All that stands in an array, in its order."""
    if isinstance(array, tuple):
        for item in array:
            yield from numbers_of(item)
    else:
        yield array


def _check_shape(scope: Scope, name: sx.Name, array: sx.Array, sizes: dict[str, int]) -> bool:
    """Whether a name is declared, and given what fits its dims; enters their sizes."""
    params = {param.name.id: param for param in scope.spec.params}
    if name.id in params:
        words = words_of(scope.spec, name.id) if isinstance(array, str) else set[str]()
        _, complaint = bind_param(params[name.id], array, words)
        if complaint is not None:
            more = {"expected": complaint.expected, "hint": complaint.hint}
            scope.error(name.span, complaint.rule, complaint.message, **more)
        return True
    if name.id not in scope.inputs:
        if name.id not in scope.lost:
            known = {*scope.inputs, *params}
            message = f"there is no input or param '{name.id}'"
            expected, hint = one_of(known), closest(name.id, known)
            scope.error(name.span, "unknown-name", message, expected=expected, hint=hint)
        return False
    dims = scope.inputs[name.id].kind.dims
    if sum(1 for _ in numbers_of(array)) > MOST_NUMBERS:
        message = f"an example gives an input at most {MOST_NUMBERS:,} numbers"
        scope.error(name.span, "too-large", message)
        return False
    want = f"[{', '.join(str(dim.size) for dim in dims)}]"
    shape = shape_of(array)
    if shape is None:
        message = f"the lists of '{name.id}' are not of the same length"
        scope.error(name.span, "dim-clash", message, expected=f"the dims {want}")
        return False
    cut = shape[-1:] == [0] and len(shape) < len(dims)
    if len(shape) != len(dims) and not cut:
        nested = {0: "a single number", 1: "a list"}.get(len(shape), f"{len(shape)} nested lists")
        declared = f"has the dims {want}" if dims else "is a single number"
        message = f"'{name.id}' {declared}, and the example gives {nested}"
        scope.error(name.span, "dim-clash", message)
        return False
    for dim, size in zip(dims, shape, strict=False):
        wanted = dim.size if isinstance(dim.size, int) else sizes.setdefault(dim.size, size)
        if wanted != size:
            said = "" if isinstance(dim.size, int) else f" with {dim.size} = {wanted}"
            message = f"'{name.id}' has the dims {want}{said}, and the example gives {shape}"
            scope.error(name.span, "dim-clash", message)
            return False
    return True


def _check_values(
    scope: Scope,
    entry: sx.Input,
    span: Span,
    array: sx.Array,
    params: Values,
    sizes: dict[str, int],
) -> None:
    kind = entry.kind
    below = kind.below.size if kind.below is not None else None
    below = sizes.get(below) if isinstance(below, str) else below
    ignored = params.get(kind.ignore.id) if kind.ignore is not None else None
    for value in numbers_of(array):
        expected = None
        if isinstance(value, str):
            expected = "a number"
        elif kind.type == "bool" and value not in (0, 1):
            expected = "0 or 1"
        elif kind.type == "int" and not isinstance(value, int):
            expected = "a whole number"
        elif kind.type == "int" and below is not None and value != ignored:
            expected = None if 0 <= value < below else f"a whole number from 0 to {below - 1}"
        elif kind.type == "real" and kind.range is not None and not inside(kind.range, value):
            expected = f"a number in {show_range(kind.range)}"
        if expected is not None:
            message = f"{value!r} is not a value of '{entry.name.id}'"
            scope.error(span, "wrong-kind", message, expected=expected)
            return
