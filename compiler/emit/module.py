"""The text of a generated module: docstring, one nn.Module, one function, and what they call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossc.compiler.emit.classes import ClassText, option
from lossc.compiler.emit.names import class_name, identifier
from lossc.compiler.emit.runtime_source import runtime_names, runtime_source
from lossc.compiler.emit.scheduled import scheduled_names
from lossc.compiler.emit.text import definition, docstring, quoted
from lossc.compiler.plan import Plan
from lossc.compiler.schedules import SchedulePlan
from lossc.compiler.surrogate import SurrogatePlan

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


@dataclass(frozen=True)
class ModuleText:
    """A generated module.

    Args:
        source: Its text.
        class_name: The nn.Module in it.
        function_name: The functional form in it.
    """

    source: str
    class_name: str
    function_name: str


def write_module(
    plan: Plan,
    surrogate: SurrogatePlan | None,
    head: str,
    schedules: SchedulePlan | None = None,
    parts: Mapping[str, CompiledLoss] | None = None,
) -> ModuleText:
    """The module for a planned spec.

    Args:
        plan: The refactored spec, or a differentiable ``loss``.
        surrogate: How the metric is relaxed; ``None`` for a ``loss``.
        head: The docstring: spec, hash, stages.
        schedules: What changes from epoch to epoch.
        parts: The losses of other specs that its terms call, by term.
    """
    name = class_name(plan.graph.spec.name.id)
    function = identifier(plan.graph.spec.name.id, {name})
    written = ClassText(name, plan, surrogate, {name, function}, schedules, parts or {})
    body = [*written.lines(), *written.others()]
    functional = _function(written, function)
    runtime = runtime_source(_called(body))
    text = "\n".join([*body, *functional, *runtime])
    lines = [*docstring(head), "", "from __future__ import annotations", ""]
    lines += _imports(text)
    lines += [
        "",
        f"__all__ = [{quoted(name)}, {quoted(function)}]",
        "",
        "",
        *body,
        "",
        "",
        *functional,
    ]
    for source in runtime:
        lines += ["", "", source]
    return ModuleText("\n".join(lines) + "\n", name, function)


def _imports(text: str) -> list[str]:
    standard = ["import math"] if re.search(r"\bmath\.", text) else []
    abstract = [name for name in ("Callable", "Iterator", "Sequence") if f"{name}[" in text]
    if abstract:
        standard.append(f"from collections.abc import {', '.join(abstract)}")
    # as a type, and not the first word of a line of a docstring
    typing = ["Any"] if re.search(r"(: |-> |\[|, )Any\b(?! )", text) else []
    typing += [name for name in ("NamedTuple", "Protocol") if name in text]
    if typing:
        standard.append(f"from typing import {', '.join(typing)}")
    torch = ["import torch", "from torch import Tensor, nn"]
    if re.search(r"(?<![\w.])functional\.", text):
        torch.append("from torch.nn import functional")
    if re.search(r"\bcheckpoint\(", text):
        torch.append("from torch.utils.checkpoint import checkpoint")
    return [*standard, *([""] if standard else []), *torch]


def _called(lines: list[str]) -> set[str]:
    names = set(
        re.findall(
            r"[A-Za-z_]\w*", "\n".join(line for line in lines if not line.strip().startswith("#"))
        )
    )
    return names & runtime_names()


def _function(written: ClassText, function: str) -> list[str]:
    """The functional form: one call without a module to keep."""
    signature, schedules, name = written.signature, written.schedules, written.name
    arguments = signature.typed()
    scheduled = scheduled_names(schedules, signature)
    names = {key: name for key, name in signature.params.items() if key not in scheduled}
    params = ["epoch: int"] if schedules is not None else []
    params += ["step: int"] if schedules is not None and schedules.of_steps else []
    params += [option(python, signature.values[key]) for key, python in names.items()]
    passed = [f"{python}={python}" for python in names.values()]
    if written.seed is not None:
        params.append("seed: int = 0")
        passed.append("seed=seed")
    head = definition(
        f"def {function}", [*arguments, *(["*", *params] if params else [])], " -> Tensor:", 0
    )
    forward = written.forward
    kept = "the options and the step" if forward is None or forward.random else "the options"
    doc = f'"""The loss as a function; ``{name}`` keeps {kept}."""'
    loss = identifier("loss", {*signature.inputs.values(), *signature.params.values()})
    made = definition(f"{loss} = {name}", passed, "", 4)
    told = [f"    {loss}.set_epoch(epoch)"] if schedules is not None else []
    if schedules is not None and schedules.of_steps:
        told.append(f"    {loss}.set_step(step)")
    called = definition(f"value: Tensor = {loss}", [signature.arguments], "", 4)
    return [*head, "    " + doc, *made, *told, *called, "    return value"]
