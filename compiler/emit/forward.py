"""The forward pass of a generated module, and the options that its surrogate takes."""

from __future__ import annotations

from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import definition, indented, quoted
from lossc.compiler.plan import Plan
from lossc.compiler.surrogate import OPTIONS, SurrogatePlan


def option_lines(surrogate: SurrogatePlan) -> tuple[list[str], list[str]]:
    """Arguments of ``__init__`` for the surrogate's options, and statements that keep them."""
    arguments, body = [], []
    for name, option in OPTIONS.items():
        value = surrogate.options[name]
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
    arguments.append(f"seed: int = {surrogate.seed!r}")
    body.append('check_number("seed", seed, -(2**63), 2**63 - 1, whole=True)')
    body.append('self.register_buffer("seed", torch.tensor(seed, dtype=torch.long))')
    body.append('self.register_buffer("step", torch.tensor(0, dtype=torch.long))')
    return arguments, body


def forward_lines(
    plan: Plan, surrogate: SurrogatePlan | None, signature: Signature, methods: Methods
) -> list[str]:
    """``forward``: the interpolated metric with its sign, or the differentiable expression."""
    head = definition("def forward", ["self", *signature.typed()], " -> Tensor:", 0)
    prepare = _prepare_call(signature)
    if surrogate is None:
        body = indented(['"""The loss: a scalar."""', prepare, *methods.expression()], 4)
        elements = ["", *methods.fused.methods] if methods.fused.methods else []
        return [*head, *body, *elements, *(["", *methods.defined()] if plan.undefined else [])]
    ideal = f"self.best({signature.arguments}, families)" if plan.uses_truth else "None"
    best = ["best=best"] if surrogate.samples_best or plan.uses_truth else []
    if plan.uses_truth and not surrogate.samples_best:
        best = [f"best={ideal}"]
    drawn = []
    if surrogate.samples_best:
        free = f"self.tied({signature.arguments})" if plan.uses_truth else "None"
        drawn = ["", f"ideal, free = {ideal}, {free}"]
        drawn += ["best = draw_best(families, metric, ideal, free, self.seed, step)"]
    lines = [
        '"""The loss: a scalar. In training mode, every call draws new anchors."""',
        prepare,
        "# score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()",
        f"families = self.families({signature.arguments})",
        "step = self.step.clone()",
        "if self.training:",
        "    self.step.add_(1)",
        "",
        "def metric(rows: Tensor) -> Tensor:",
        f"    return self.metric_of_rows(rows, families, {signature.arguments})",
        *drawn,
        *([] if drawn else [""]),
        "value = interpolate_idw(",
        "    families,",
        "    metric,",
        "    self.seed,",
        "    step,",
        *(f"    {item}," for item in best),
        *(f"    {name}=self.{name}," for name in OPTIONS),
        ")",
        f"return {'-' if plan.graph.goal == 'evaluate' else ''}value",
    ]
    return [*head, *indented(lines, 4)]


def _prepare_call(signature: Signature) -> str:
    names = signature.arguments
    return f"{names}{',' if len(signature.inputs) == 1 else ''} = self.prepare({names})"
