"""The forward pass of a generated module, and the options that its surrogate takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lossc.compiler.choices import OPTIONS
from lossc.compiler.emit.interpolations.common import Forward, Parts
from lossc.compiler.emit.interpolations.table import FORWARD
from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import definition, indented, quoted, spaced
from lossc.compiler.plan import Plan
from lossc.compiler.surrogate import SurrogatePlan


def option_lines(
    surrogate: SurrogatePlan, made: Forward, scheduled: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Arguments of ``__init__`` for the surrogate's options, and statements that keep them."""
    arguments, body = [], []
    for name in surrogate.run_time:
        if name in made.unused or name in scheduled:
            continue
        option, value = OPTIONS[name], surrogate.options[name]
        if option.choices:
            choices = ", ".join(quoted(choice) for choice in option.choices)
            arguments.append(f"{name}: str = {quoted(str(value))}")
            body.append(f"check_choice({quoted(name)}, {name}, ({choices}))")
        else:
            kind = "int" if option.whole else "float"
            arguments.append(f"{name}: {kind} = {value!r}")
            checked = [quoted(name), name, f"{option.low!r}", 'float("inf")', f"{option.closed}"]
            body += definition(
                "check_number", [*checked, "False", *(["True"] if option.whole else [])], "", 0
            )
        body.append(f"self.{name} = {name}")
    if surrogate.remembers:
        body.append(f"self.memory = MemoryQueue({surrogate.remembers})")
    if made.random:
        arguments.append(f"seed: int = {surrogate.seed!r}")
        body.append('check_number("seed", seed, -(2**63), 2**63 - 1, whole=True)')
        body.append('self.register_buffer("seed", torch.tensor(seed, dtype=torch.long))')
        body.append('self.register_buffer("step", torch.tensor(0, dtype=torch.long))')
    return arguments, body


def planned_forward(
    plan: Plan, surrogate: SurrogatePlan, signature: Signature, methods: Methods
) -> Forward:
    """How ``value``, the interpolated metric, is computed."""
    return FORWARD[surrogate.interpolation](Parts(plan, surrogate, signature, methods))


def forward_lines(
    plan: Plan,
    surrogate: SurrogatePlan,
    signature: Signature,
    made: Forward,
    begins: Sequence[str] = (),
) -> list[str]:
    """``forward``: the interpolated metric with its sign, and the methods that it calls.

    Args:
        plan: The refactored spec.
        surrogate: How it is relaxed.
        signature: The names of its inputs.
        made: How ``value`` is computed.
        begins: Statements that come first.
    """
    head = definition("def forward", ["self", *signature.typed()], " -> Tensor:", 0)
    doc = "The loss: a scalar."
    if made.random:
        doc += " In training mode, every call draws new numbers."
    maximised = plan.graph.goal == "evaluate"
    result = "-value" if maximised else "value"
    if surrogate.transform == "log":
        result = f"minus_log({'value' if maximised else '1 - value'})"
    lines = [
        f'"""{doc}"""',
        *begins,
        *(_gathering(signature) if surrogate.gathers else []),
        prepare_call(signature),
        *(_remembering(signature) if surrogate.remembers else []),
        "# score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()",
        *spaced(made.body),
        f"return {result}",
    ]
    more = [line for method in made.methods for line in ("", *method)]
    return [*head, *indented(lines, 4), *more]


def _gathering(signature: Signature) -> list[str]:
    """The statements that join the batches of all processes: the first dim of the scores."""
    entries, dims = signature.spec.inputs, _batch_dims(signature)
    if not dims:
        return []
    names = list(signature.inputs.values())
    comma = "," if len(names) == 1 else ""
    listed = ", ".join(quoted(entry.name.id) for entry in entries)
    call = [f"({', '.join(names)}{comma})", f"({', '.join(dims)}{comma})", f"({listed}{comma})"]
    lines = definition("gathered = gather_inputs", call, "", 0)
    for place, (entry, name) in enumerate(zip(entries, names, strict=True)):
        if entry.kind.default is None:
            lines.append(f"{name} = present(gathered[{place}], {quoted(entry.name.id)})")
        else:
            lines.append(f"{name} = gathered[{place}]")
    return ["# the batch of all processes, which a loss of sets needs whole", *lines]


def _batch_dims(signature: Signature) -> list[str]:
    """Which dim of each input is the batch: the first of the scores; empty if that is fixed."""
    entries = signature.spec.inputs
    batch = (
        next(entry for entry in entries if entry.kind.live and entry.kind.dims).kind.dims[0].size
    )
    if not isinstance(batch, str):
        return []  # a fixed number of items is no batch
    dims = []
    for entry in entries:
        sizes = [dim.size for dim in entry.kind.dims]
        dims.append(str(sizes.index(batch)) if batch in sizes else "None")
    return dims


def _remembering(signature: Signature) -> list[str]:
    """The statements that put former batches behind the current one."""
    names, dims = list(signature.inputs.values()), _batch_dims(signature)
    if not dims:
        return []
    comma = "," if len(names) == 1 else ""
    call = [f"({', '.join(names)}{comma})", f"({', '.join(dims)}{comma})"]
    head = f"{', '.join(names)}{comma} = self.memory.beside"
    comment = "# behind the batch, the last scores and targets of former ones, without gradient"
    return [comment, *definition(head, call, "", 0)]


def expression_lines(
    plan: Plan, signature: Signature, methods: Methods, begins: Sequence[str] = ()
) -> list[str]:
    """``forward`` of a differentiable ``loss``; ``begins`` are statements that come first."""
    head = definition("def forward", ["self", *signature.typed()], " -> Tensor:", 0)
    doc = '"""The loss: a scalar."""'
    lines = [doc, *begins, prepare_call(signature), *methods.expression()]
    elements = ["", *methods.fused.methods] if methods.fused.methods else []
    undefined = ["", *methods.defined()] if plan.undefined else []
    return [*head, *indented(lines, 4), *elements, *undefined]


def prepare_call(signature: Signature) -> str:
    """The statement that checks the inputs."""
    names = signature.arguments
    return f"{names}{',' if len(signature.inputs) == 1 else ''} = self.prepare({names})"
