"""The text of a generated module: docstring, one nn.Module, one function, and what they call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

from lossc.compiler.emit.class_doc import class_doc
from lossc.compiler.emit.forward import (
    expression_lines,
    forward_lines,
    option_lines,
    planned_forward,
)
from lossc.compiler.emit.interpolations.common import Forward
from lossc.compiler.emit.long_lines import broken
from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.names import class_name, identifier
from lossc.compiler.emit.runtime_source import runtime_names, runtime_source
from lossc.compiler.emit.scheduled import (
    schedule_forward,
    schedule_init,
    scheduled_names,
    set_epoch_lines,
)
from lossc.compiler.emit.signature import Signature, signature_of
from lossc.compiler.emit.text import (
    definition,
    docstring,
    indented,
    number,
    quoted,
)
from lossc.compiler.plan import Plan
from lossc.compiler.schedules import SchedulePlan
from lossc.compiler.surrogate import SurrogatePlan


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
) -> ModuleText:
    """The module for a planned spec.

    Args:
        plan: The refactored spec, or a differentiable ``loss``.
        surrogate: How the metric is relaxed; ``None`` for a ``loss``.
        head: The docstring: spec, hash, stages.
        schedules: What changes from epoch to epoch.
    """
    signature = signature_of(plan.graph)
    name = class_name(plan.graph.spec.name.id)
    function = identifier(plan.graph.spec.name.id, {name})
    methods = Methods(plan, signature)
    forward = planned_forward(plan, surrogate, signature, methods) if surrogate else None
    first = _first_class(schedules, forward, {name, function})
    body = _class(plan, surrogate, signature, methods, forward, name, schedules, first)
    if first is not None:
        body += ["", "", *first.lines]
    functional = _function(forward, signature, name, function, schedules)
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


@dataclass(frozen=True)
class _First:
    """The class of the loss of the first epochs.

    Args:
        name: What it is called.
        lines: Its text.
        options: Arguments that it shares with the loss that it belongs to.
    """

    name: str
    lines: list[str]
    options: tuple[str, ...]


def _first_class(
    schedules: SchedulePlan | None, forward: Forward | None, taken: set[str]
) -> _First | None:
    if schedules is None or schedules.warmup is None:
        return None
    first = schedules.warmup.first
    plan, surrogate, signature = first.plan, first.surrogate, signature_of(first.plan.graph)
    own = class_name(plan.graph.spec.name.id)
    name = own if own not in taken else identifier(f"First{own}", taken)
    methods = Methods(plan, signature)
    made = planned_forward(plan, surrogate, signature, methods) if surrogate else None
    both_draw = all(each is not None and each.random for each in (made, forward))
    options = ("seed", "validate") if both_draw else ("validate",)
    return _First(name, _class(plan, surrogate, signature, methods, made, name), options)


def _imports(text: str) -> list[str]:
    standard = ["import math"] if re.search(r"\bmath\.", text) else []
    if "Callable[" in text:
        standard.append("from collections.abc import Callable")
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


def _class(
    plan: Plan,
    surrogate: SurrogatePlan | None,
    signature: Signature,
    methods: Methods,
    forward: Forward | None,
    name: str,
    schedules: SchedulePlan | None = None,
    first: _First | None = None,
) -> list[str]:
    lines = [
        f"class {name}(nn.Module):",
        *indented(docstring(class_doc(plan, surrogate, signature, schedules)), 4),
        "",
    ]
    buffers = ["seed", "step"] if forward is not None and forward.random else []
    buffers += ["epoch"] if schedules is not None else []
    lines += [f"    {name}: Tensor" for name in buffers]
    lines += [""] if buffers else []
    lines += indented(_init(plan, surrogate, signature, forward, schedules, first), 4)
    begins = schedule_forward(schedules, signature)
    if surrogate is None or forward is None:
        lines += ["", *indented(expression_lines(plan, signature, methods, begins), 4)]
    else:
        lines += ["", *indented(forward_lines(plan, surrogate, signature, forward, begins), 4)]
    lines += ["", *indented(set_epoch_lines(schedules, signature), 4)]
    if plan.is_metric:
        lines += ["", *indented(methods.metric(), 4)]
        lines += ["", *indented(methods.refactored(), 4)]
        lines += ["", *indented(methods.comparisons(), 4)]
        lines += ["", *indented(methods.evaluate_binaries(), 4)]
        lines += ["", *indented(methods.families(), 4)]
        listed = [method for made in (forward.methods if forward else []) for method in made]
        if methods.sorts and not any(line.startswith("def pairs(") for line in listed):
            lines += ["", *indented(methods.pairs(), 4)]
        if plan.uses_truth:
            sampled = surrogate is not None and surrogate.samples_best
            lines += ["", *indented(methods.best(sampled), 4)]
        if plan.published_consistency:
            lines += ["", *indented(methods.items(), 4)]
        lines += ["", *indented(methods.metric_of_rows(), 4)]
    lines += ["", *indented(_prepare(signature), 4)]
    return broken(lines)


def _init(
    plan: Plan,
    surrogate: SurrogatePlan | None,
    signature: Signature,
    forward: Forward | None,
    schedules: SchedulePlan | None = None,
    first: _First | None = None,
) -> list[str]:
    arguments = ["self", "*"]
    body = ["super().__init__()"]
    bounds = {p.name.id: p.range for p in plan.graph.spec.params}
    scheduled = scheduled_names(schedules, signature)
    for name, python in signature.params.items():
        if name in scheduled:
            continue
        value = signature.values[name]
        arguments.append(_option(python, value))
        range_ = bounds[name]
        low, high, closed = -inf, inf, (True, True)
        if range_ is not None:
            low, high, closed = range_.low, range_.high, (range_.closed_low, range_.closed_high)
        checked = [quoted(python), python, number(low), number(high), *map(str, closed)]
        whole = ["True"] if isinstance(value, int) else []
        body += definition("check_number", [*checked, *whole], "", 0)
        body.append(f"self.{python} = {python}")
    if surrogate is not None and forward is not None:
        more_arguments, more_body = option_lines(surrogate, forward, scheduled)
        arguments += more_arguments
        body += more_body
    arguments.append("validate: bool = True")
    body.append("self.validate = validate")
    if schedules is not None:
        of_first = (first.name, first.options) if first is not None else (None, ())
        body += schedule_init(schedules, *of_first)
    return [*definition("def __init__", arguments, " -> None:", 0), *indented(body, 4)]


def _option(name: str, value: int | float) -> str:
    return f"{name}: {'int' if isinstance(value, int) else 'float'} = {number(value)}"


def _prepare(signature: Signature) -> list[str]:
    count = len(signature.inputs)
    returned = f"tuple[{', '.join(['Tensor'] * count)}]"
    head = definition("def prepare", ["self", *signature.typed()], f" -> {returned}:", 0)
    body = signature.prepare()
    dims = signature.dim_lines("\n".join(line for line in body if "new_full" in line))
    body = [*signature.needed(), *dims, *body]
    doc = (
        '"""Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""'
    )
    return [*head, *indented([doc, *body], 4)]


def _function(
    forward: Forward | None,
    signature: Signature,
    name: str,
    function: str,
    schedules: SchedulePlan | None,
) -> list[str]:
    """The functional form: one call without a module to keep."""
    arguments = signature.typed()
    scheduled = scheduled_names(schedules, signature)
    names = {key: name for key, name in signature.params.items() if key not in scheduled}
    params = ["epoch: int"] if schedules is not None else []
    params += [_option(python, signature.values[key]) for key, python in names.items()]
    passed = [f"{python}={python}" for python in names.values()]
    if forward is not None and forward.random:
        params.append("seed: int = 0")
        passed.append("seed=seed")
    head = definition(
        f"def {function}", [*arguments, *(["*", *params] if params else [])], " -> Tensor:", 0
    )
    kept = "the options and the step" if forward is None or forward.random else "the options"
    doc = f'"""The loss as a function; ``{name}`` keeps {kept}."""'
    loss = identifier("loss", {*signature.inputs.values(), *signature.params.values()})
    made = definition(f"{loss} = {name}", passed, "", 4)
    told = [f"    {loss}.set_epoch(epoch)"] if schedules is not None else []
    called = definition(f"value: Tensor = {loss}", [signature.arguments], "", 4)
    return [*head, "    " + doc, *made, *told, *called, "    return value"]
