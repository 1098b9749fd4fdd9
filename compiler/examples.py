"""The examples of a spec: inputs with the value that the metric, or the loss, must have there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isclose
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.front.examples import Values, example_params, numbers_of, shape_of
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError

TOLERANCE = 1e-6  # relative or absolute: an example is written down with a few digits
_DTYPES = {"real": torch.float64, "int": torch.long, "bool": torch.bool}


def check_examples(spec: sx.Spec, is_metric: bool, loss_with: Callable[[Values], Any]) -> int:
    """Computes every example, as written and by way of binaries.

    Args:
        spec: A spec that was built, so that its examples fit its inputs.
        is_metric: It defines a metric, not a loss.
        loss_with: The generated loss with given params.

    Returns:
        How many there are.

    Raises:
        SpecError: With every example that gives something else (L037).
    """
    found: list[Diagnostic] = []
    for example in spec.examples:
        loss = loss_with(example_params(spec, example))
        inputs = tensors_of(spec, example)
        if is_metric:
            methods = [
                ("the metric", loss.metric),
                ("the metric by way of binaries", loss.refactored),
            ]
        else:
            methods = [("the loss", loss)]
        for what, method in methods:
            complaint = _wrong(example, what, method, inputs)
            if complaint is not None:
                found.append(Diagnostic(example.span, "example-differs", complaint))
                break
    if found:
        raise SpecError(found)
    return len(spec.examples)


def tensors_of(spec: sx.Spec, example: sx.Example) -> list[Tensor | None]:
    """The inputs of an example in the order of the spec; ``None`` for what it leaves out.

    Reals are of double precision.
    """
    given = {name.id: array for name, array in example.inputs}
    sizes: dict[str, int] = {}
    for entry in spec.inputs:
        shape = shape_of(given.get(entry.name.id, ())) or []
        for dim, size in zip(entry.kind.dims, shape, strict=False):
            if isinstance(dim.size, str) and entry.name.id in given:
                sizes.setdefault(dim.size, size)
    tensors: list[Tensor | None] = []
    for entry in spec.inputs:
        if entry.name.id not in given:
            tensors.append(None)
            continue
        # inside an empty list, the sizes of the other inputs tell how long lists would be
        dims = [dim.size for dim in entry.kind.dims]
        shape = [size if isinstance(size, int) else sizes.get(size, 0) for size in dims]
        numbers = list(numbers_of(given[entry.name.id]))
        tensors.append(torch.tensor(numbers, dtype=_DTYPES[entry.kind.type]).reshape(shape))
    return tensors


def _wrong(
    example: sx.Example, what: str, method: Callable[..., Tensor], inputs: Sequence[Tensor | None]
) -> str | None:
    """What is wrong with the value of an example; ``None`` if it is right."""
    want = example.value
    try:
        with torch.no_grad():
            value = float(method(*inputs))
    except (ValueError, IndexError) as error:
        return f"the example gives {want:.10g}, and {what} has no value: {error}"
    if isclose(value, want, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return None
    return f"the example gives {want:.10g}, and {what} is {value:.10g}"
