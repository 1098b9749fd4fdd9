"""The method of a generated metric that gives its expectation under independent binaries."""

from __future__ import annotations

from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.signature import signature_of
from lossc.compiler.emit.text import definition, indented
from lossc.compiler.emit.writer import Writer
from lossc.compiler.plan import Plan
from lossc.compiler.symbolic.multilinear import multilinear_extension


def expected_metric(plan: Plan) -> list[str] | None:
    """``expected(relaxed, *inputs)`` as a method; ``None`` where there is no closed form.

    ``relaxed`` holds one tensor a family, along its axes: the probability of each binary, 0 where
    none is stored, the complement at mirror images.
    """
    extension = multilinear_extension(plan.graph, plan.families)
    if extension is None:
        return None
    signature = signature_of(plan.graph)
    methods = Methods(plan, signature)
    arrays = [array.name for array in extension.arrays]
    plain = methods.writer(taken=set(arrays))
    names = {**plain.names, **{name: name for name in arrays}}
    writer = Writer(names, plain.params, plain.dtype, plan.signs, plain.anchor, None, plain.taken)
    (value,) = writer.write(extension.root)
    value = writer.real(value)
    result = f"{signature.anchor}.new_tensor({value.code})" if value.scalar else value.code
    arguments = ["self", "relaxed: tuple[Tensor, ...]", *signature.plain()]
    head = definition("def expected", arguments, " -> Tensor:", 0)
    targets = f"({arrays[0]},)" if len(arrays) == 1 else ", ".join(arrays)
    body = [
        '"""The metric\'s expectation when each binary is 1 with its own probability."""',
        *signature.dim_lines("\n".join([*writer.lines, result])),
        f"{targets} = relaxed",
        *writer.lines,
        f"return {result}",
    ]
    return [*head, *indented(body, 4)]
