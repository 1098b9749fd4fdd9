"""The schedules of one loss: read, checked, and what is left when they have run out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from lossc.compiler.build import build
from lossc.compiler.ir.graph import Graph
from lossc.compiler.schedule_numbers import Scheduled
from lossc.compiler.schedules import (
    GivenSchedules,
    NumberSchedule,
    SchedulePlan,
    check_names,
    read_options,
)
from lossc.compiler.surrogate import SurrogatePlan
from lossc.compiler.surrogate_options import Given
from lossc.compiler.warmup import Compile, Warmup, read_warmup
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.folders import Folders
from lossc.grammar.parser import parse_option


def plan_schedules(
    graph: Graph,
    surrogate: SurrogatePlan | None,
    given: GivenSchedules,
    set_by_caller: Collection[str],
    folders: Folders,
    compiled: Compile,
) -> SchedulePlan | None:
    """What changes from epoch to epoch; ``None``: nothing.

    Args:
        graph: The spec, with values of its params.
        surrogate: ``None`` for a differentiable loss.
        given: The caller's schedules, in place of the spec's.
        set_by_caller: Params and options that the caller gave a value.
        folders: Where the loss of a warm-up is looked up first.
        compiled: Compiles that loss.

    Raises:
        SpecError: All errors that could be found.
    """
    options = read_options(graph.spec, given)
    if not options:
        return None
    errors = check_names(options)
    if errors:
        raise SpecError(errors)
    target = Scheduled(graph.spec, graph.params, surrogate, set_by_caller)
    warmup: Warmup | None = None
    numbers: list[NumberSchedule] = []
    written: list[Mapping[str, object]] = []
    for option in options:
        if option.name == "warmup":
            try:
                warmup = read_warmup(option, graph.spec, given is not None, folders, compiled)
                written.append(warmup.given)
            except SpecError as error:
                errors += error.diagnostics
            continue
        found = target.read(option)
        if isinstance(found, Diagnostic):
            errors.append(found)
            continue
        numbers.append(found)
        written.append({"kind": option.name, **dict(option.arguments), "of": found.of})
    if errors:
        raise SpecError(errors)
    return SchedulePlan(warmup, tuple(numbers), tuple(written))


def settled(
    graph: Graph,
    surrogate: SurrogatePlan,
    schedules: SchedulePlan,
    params: Mapping[str, int | float | str],
) -> tuple[Graph, SurrogatePlan]:
    """The spec and its surrogate with the values that are left when the schedules have run out.

    Args:
        graph: The spec with its own values.
        surrogate: Its surrogate.
        schedules: What is scheduled.
        params: The caller's values of params.

    Raises:
        SpecError: The spec needs a whole number where the schedule has others.
    """
    own = [each for each in schedules.numbers if each.is_param]
    # a whole param may be a subscript or the end of a range; one that passes through fractions
    # must be compiled as a real number
    fractions = {
        each.of: each.fraction
        for each in own
        if each.fraction is not None and isinstance(graph.params[each.of], int)
    }
    if fractions:
        graph = build(graph.spec, {**params, **fractions})
    last = {each.of: each.at(math.inf) for each in own}
    graph = replace(graph, params={**graph.params, **last})
    of_surrogate = {each.of: each.at(math.inf) for each in schedules.numbers if not each.is_param}
    return graph, replace(surrogate, options={**surrogate.options, **of_surrogate})


def first_values(schedules: SchedulePlan) -> dict[str, float]:
    """What params are in the first epoch."""
    return {each.of: each.at(0) for each in schedules.numbers if each.is_param}


def set_in(params: Mapping[str, object], *choices: Given) -> frozenset[str]:
    """The params and options that a caller gave a value."""
    names = set(params)
    for choice in choices:
        if isinstance(choice, str):
            names |= {name for name, _ in parse_option(choice).arguments}
        elif isinstance(choice, Mapping):
            names |= {str(name) for name in choice if name != "kind"}
    return frozenset(names)


def kept_schedules(spec: sx.Spec, schedules: SchedulePlan | None) -> GivenSchedules:
    """What to compile a loss with again, wherever that happens."""
    if schedules is not None:
        return list(schedules.given)
    return "none" if spec.schedules else None
