"""The text of a generated class: one nn.Module, and the classes of the losses that it calls."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from lossc.compiler.emit.class_doc import class_doc
from lossc.compiler.emit.forward import (
    expression_lines,
    forward_lines,
    option_lines,
    planned_forward,
    prepare_call,
)
from lossc.compiler.emit.interpolations.common import Forward
from lossc.compiler.emit.long_lines import broken
from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.names import class_name, identifier
from lossc.compiler.emit.scheduled import (
    schedule_forward,
    schedule_init,
    scheduled_names,
    set_epoch_lines,
)
from lossc.compiler.emit.signature import Signature, signature_of
from lossc.compiler.emit.terms import Combination, Embedded
from lossc.compiler.emit.text import definition, docstring, indented, number, quoted
from lossc.compiler.plan import Plan
from lossc.compiler.schedules import SchedulePlan
from lossc.compiler.surrogate import SurrogatePlan

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


@dataclass
class ClassText:
    """The class of a loss.

    Args:
        name: What it is called.
        plan: The refactored spec, or a differentiable ``loss``.
        surrogate: How the metric is relaxed; ``None`` for a ``loss``.
        taken: Names that the module has already; those of embedded classes are added.
        schedules: What changes from epoch to epoch.
        parts: The losses of other specs that its terms call, by term.
    """

    name: str
    plan: Plan
    surrogate: SurrogatePlan | None
    taken: set[str]
    schedules: SchedulePlan | None = None
    parts: Mapping[str, CompiledLoss] = field(default_factory=dict)

    @functools.cached_property
    def signature(self) -> Signature:
        """The names of its inputs and params."""
        return signature_of(self.plan.graph)

    @functools.cached_property
    def methods(self) -> Methods:
        """Writes its methods."""
        return Methods(self.plan, self.signature)

    @functools.cached_property
    def forward(self) -> Forward | None:
        """How the interpolated metric is computed; ``None`` for a ``loss``."""
        if self.surrogate is None:
            return None
        return planned_forward(self.plan, self.surrogate, self.signature, self.methods)

    @functools.cached_property
    def first(self) -> Embedded | None:
        """The loss of the first epochs."""
        if self.schedules is None or self.schedules.warmup is None:
            return None
        first = self.schedules.warmup.first
        own = class_name(first.spec.name.id)
        made = self._embedded(first, own if own not in self.taken else f"First{own}")
        if made.seed is not None and self.seed is None:  # its draws are its own affair
            made = Embedded(made.name, made.lines, ("validate",), made.seed)
        return made

    @functools.cached_property
    def called(self) -> dict[str, Embedded]:
        """The losses of other specs that its terms call, by term."""
        return {
            term: self._embedded(part, class_name(part.spec.name.id))
            for term, part in self.parts.items()
        }

    def _embedded(self, part: CompiledLoss, wish: str) -> Embedded:
        name = wish if wish not in self.taken else identifier(wish, self.taken)
        self.taken.add(name)
        text = ClassText(name, part.plan, part.surrogate, self.taken, None, part.parts)
        options = ("validate",) if text.seed is None else ("seed", "validate")
        lines = [*text.lines(), *text.others()]
        return Embedded(name, lines, options, text.seed, text.signature.params)

    def others(self) -> list[str]:
        """The classes that it calls, each after two empty lines."""
        listed = [*([self.first] if self.first is not None else []), *self.called.values()]
        return [line for each in listed for line in ("", "", *each.lines)]

    @functools.cached_property
    def combination(self) -> Combination | None:
        """How its terms are weighed; ``None`` where it has none."""
        if self.plan.graph.root.op != "combine":
            return None
        return Combination(self.plan, self.signature, self.called)

    @property
    def seed(self) -> int | None:
        """Where its draws begin, and those of its terms; ``None``: it draws nothing."""
        if self.forward is not None and self.surrogate is not None and self.forward.random:
            return self.surrogate.seed
        seeds = self.combination.seeds() if self.combination is not None else []
        return seeds[0] if seeds else None

    # ------------------------------------------------------------------ text

    def lines(self) -> list[str]:
        """The class."""
        plan, surrogate, signature = self.plan, self.surrogate, self.signature
        methods, forward, schedules = self.methods, self.forward, self.schedules
        lines = [
            f"class {self.name}(nn.Module):",
            *indented(docstring(class_doc(plan, surrogate, signature, schedules)), 4),
            "",
        ]
        buffers = ["seed", "step"] if forward is not None and forward.random else []
        buffers += ["epoch"] if schedules is not None else []
        buffers += ["steps"] if schedules is not None and schedules.of_steps else []
        lines += [f"    {name}: Tensor" for name in buffers]
        lines += [""] if buffers else []
        lines += indented(self._init(), 4)
        begins = schedule_forward(schedules, signature)
        if self.combination is not None:
            made = self.combination.methods(methods, begins, prepare_call(signature))
            lines += ["", *indented(made, 4)]
        elif surrogate is None or forward is None:
            lines += ["", *indented(expression_lines(plan, signature, methods, begins), 4)]
        else:
            lines += ["", *indented(forward_lines(plan, surrogate, signature, forward, begins), 4)]
        told, follows = [], []
        if self.combination is not None:
            told = self.combination.told()
            follows = self.combination.follows(scheduled_names(schedules, signature))
        lines += ["", *indented(set_epoch_lines(schedules, signature, told, follows), 4)]
        if plan.is_metric:
            lines += self._metric_methods()
        lines += ["", *indented(_prepare(signature), 4)]
        return broken(lines)

    def _metric_methods(self) -> list[str]:
        plan, surrogate, methods, forward = self.plan, self.surrogate, self.methods, self.forward
        made = [methods.metric(), methods.refactored(), methods.comparisons()]
        made += [methods.evaluate_binaries(), methods.families()]
        listed = [method for each in (forward.methods if forward else []) for method in each]
        if methods.sorts and not any(line.startswith("def pairs(") for line in listed):
            made.append(methods.pairs())
        if plan.uses_truth:
            made.append(methods.best(surrogate is not None and surrogate.samples_best))
        if plan.published_consistency:
            made.append(methods.items())
        made.append(methods.metric_of_rows())
        return [line for each in made for line in ("", *indented(each, 4))]

    def _init(self) -> list[str]:
        plan, signature, schedules = self.plan, self.signature, self.schedules
        arguments = ["self", "*"]
        body = ["super().__init__()"]
        bounds = {p.name.id: p.range for p in plan.graph.spec.params}
        scheduled = scheduled_names(schedules, signature)
        for name, python in signature.params.items():
            if name in scheduled:
                continue
            value = signature.values[name]
            arguments.append(option(python, value))
            range_ = bounds[name]
            low, high, closed = -inf, inf, (True, True)
            if range_ is not None:
                low, high, closed = range_.low, range_.high, (range_.closed_low, range_.closed_high)
            checked = [quoted(python), python, number(low), number(high), *map(str, closed)]
            whole = ["True"] if isinstance(value, int) else []
            body += definition("check_number", [*checked, *whole], "", 0)
            body.append(f"self.{python} = {python}")
        if self.surrogate is not None and self.forward is not None:
            more_arguments, more_body = option_lines(self.surrogate, self.forward, scheduled)
            arguments += more_arguments
            body += more_body
        elif self.seed is not None:
            arguments.append(f"seed: int = {self.seed!r}")
        arguments.append("validate: bool = True")
        body.append("self.validate = validate")
        if self.combination is not None:
            body += self.combination.init(scheduled)
        if schedules is not None:
            of_first = (None, ()) if self.first is None else (self.first.name, self.first.options)
            body += schedule_init(schedules, *of_first)
        return [*definition("def __init__", arguments, " -> None:", 0), *indented(body, 4)]


def option(name: str, value: int | float) -> str:
    """An argument of ``__init__`` that is a param."""
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
