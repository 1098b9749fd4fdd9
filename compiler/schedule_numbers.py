"""Schedules of numbers: what they may speak of, and whether all their values are allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from lossc.compiler.choices import OPTIONS, Choice, usual_options
from lossc.compiler.front.params import inside, show_range
from lossc.compiler.schedules import EXAMPLES, NumberSchedule
from lossc.compiler.surrogate import SurrogatePlan
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of


class Scheduled:
    """What schedules may speak of.

    Args:
        spec: The spec.
        params: Values of its params.
        surrogate: ``None`` for a differentiable loss.
        set_by_caller: Params and options that the caller gave a value.
    """

    def __init__(
        self,
        spec: sx.Spec,
        params: Mapping[str, int | float | str],
        surrogate: SurrogatePlan | None,
        set_by_caller: Collection[str] = (),
    ):
        self.set_by_caller = set_by_caller
        self.params = {p.name.id: p for p in spec.params if not isinstance(p.default, str)}
        self.values: dict[str, Any] = {name: params[name] for name in self.params}
        self.options: dict[str, Choice] = {}
        self.follows_scores = surrogate is not None and surrogate.follows_scores
        if surrogate is not None:
            numeric = [n for n in surrogate.run_time if n in OPTIONS and not OPTIONS[n].choices]
            self.options = {n: OPTIONS[n] for n in numeric if n not in self.params}
            self.values |= {name: surrogate.options[name] for name in self.options}
        if surrogate is not None and self.follows_scores and "temperature" not in set_by_caller:
            # that of the spec: a schedule takes its place, as any choice of the caller does
            usual = usual_options(surrogate.step, surrogate.interpolation)
            self.options["temperature"] = OPTIONS["temperature"]
            self.values["temperature"] = usual["temperature"]

    def read(self, option: sx.Option) -> NumberSchedule | Diagnostic:
        """A schedule of a number, whose names were checked."""
        said = dict(option.arguments)
        name = str(said["of"].name if isinstance(said["of"], sx.Option) else said["of"])
        if name not in self.values:
            if name == "temperature" and self.follows_scores:
                message = "temperature = auto follows the scores, and no schedule"
                return Diagnostic(option.span, "bad-schedule", message, "a number")
            message = f"no number is called '{name}' here"
            expected = one_of(self.values) if self.values else "a loss with params or options"
            return Diagnostic(
                option.span, "bad-schedule", message, expected, closest(name, self.values)
            )
        if name in self.set_by_caller and (option.name == "piecewise" or "from" in said):
            message = f"'{name}' is given a value, and a schedule that sets it"
            hint = "leave out `from`, which is the value then" if "from" in said else None
            return Diagnostic(option.span, "bad-schedule", message, "one of them", hint)
        made = (
            self._piecewise(option, name)
            if option.name == "piecewise"
            else self._ramp(option, name, said)
        )
        return made if isinstance(made, Diagnostic) else self._checked(made, option)

    def _ramp(
        self, option: sx.Option, name: str, said: Mapping[str, sx.Literal | sx.Option]
    ) -> NumberSchedule | Diagnostic:
        numbers = []
        for key, value in (("from", said.get("from", self.values[name])), ("to", said["to"])):
            if isinstance(value, (str, sx.Option)) or not math.isfinite(value):
                message = f"'{key}' is a number, not {_shown(value)}"
                return Diagnostic(option.span, "bad-schedule", message)
            numbers.append(float(value))
        if option.name == "exponential" and min(numbers) <= 0:
            message = f"exponential takes positive numbers, not {min(numbers):g}"
            return Diagnostic(option.span, "bad-schedule", message, "`linear` or `cosine`")
        counts = []
        unit = "steps" if "steps" in said else "epochs"
        for key, least in ((unit, 1), ("after", 0)):
            count = whole_number(option, key, said.get(key, 0), least)
            if isinstance(count, Diagnostic):
                return count
            counts.append(count)
        return NumberSchedule(option.name, name, (*numbers, *counts), by_step=unit == "steps")

    def _piecewise(self, option: sx.Option, name: str) -> NumberSchedule | Diagnostic:
        said = dict(option.arguments)
        unit = "steps" if "steps" in said else "milestones"
        values, milestones = (_numbers(said[key]) for key in ("values", unit))
        for key, found in (("values", values), (unit, milestones)):
            if found is None:
                message = f"'{key}' is a list of numbers, not {_shown(said[key])}"
                return Diagnostic(option.span, "bad-schedule", message, '`"1, 0.5, 0.1"`')
        assert values is not None and milestones is not None
        rising = [0.0, *milestones]
        ordered = all(a < b for a, b in pairwise(rising))
        if not ordered or any(each != int(each) for each in milestones):
            whole = "steps are whole numbers" if unit == "steps" else "milestones are whole epochs"
            message = f"{whole} from 1, each later than the one before"
            return Diagnostic(option.span, "bad-schedule", message, '`"10, 20"`')
        if len(values) != len(milestones) + 1:
            message = f"{len(values)} values and {len(milestones)} {unit}"
            expected = f"one value more than {unit}"
            return Diagnostic(option.span, "bad-schedule", message, expected)
        epochs_ = tuple(int(each) for each in milestones)
        return NumberSchedule("piecewise", name, (values, epochs_), by_step=unit == "steps")

    def _checked(self, made: NumberSchedule, option: sx.Option) -> NumberSchedule | Diagnostic:
        """The schedule, if all its values are allowed."""
        choice, param = self.options.get(made.of), self.params.get(made.of)
        whole = all(value == int(value) for value in made.values) and made.kind == "piecewise"
        if choice is not None and choice.whole and not whole:
            message = f"{made.of} is a whole number, and {made.kind} passes through others"
            expected = EXAMPLES["piecewise"] if made.kind != "piecewise" else "whole numbers"
            return Diagnostic(option.span, "bad-schedule", message, expected)
        for value in made.values:
            wrong = ""
            if param is not None and param.range is not None:
                wrong = "" if inside(param.range, value) else show_range(param.range)
            elif choice is not None and not (
                value > choice.low or (choice.closed and value == choice.low)
            ):
                wrong = f"{'[' if choice.closed else '('}{choice.low:g}, inf)"
            if wrong:
                message = f"{made.of} = {value:g} is outside {wrong}"
                return Diagnostic(option.span, "param-range", message, f"numbers in {wrong}")
        if param is not None:
            was_whole = isinstance(param.default, int) and isinstance(self.values[made.of], int)
            return replace(made, whole=whole and was_whole, is_param=True)
        return replace(made, whole=choice is not None and choice.whole)


def whole_number(
    option: sx.Option, key: str, value: sx.Literal | sx.Option, least: int
) -> int | Diagnostic:
    """A number of epochs."""
    good = isinstance(value, (int, float)) and math.isfinite(value) and value == int(value)
    if not good or value < least:  # type: ignore[operator]
        message = f"'{key}' is a whole number from {least}, not {_shown(value)}"
        return Diagnostic(option.span, "bad-schedule", message)
    return int(value)  # type: ignore[arg-type]


def _numbers(value: sx.Literal | sx.Option) -> tuple[float, ...] | None:
    """Numbers of a list such as ``"1, 0.5, 0.1"``, or one number."""
    if isinstance(value, sx.Option):
        return None
    texts = re.split(r"\s*[,;\s]\s*", str(value).strip())
    try:
        numbers = tuple(float(text) for text in texts)
    except ValueError:
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _shown(value: sx.Literal | sx.Option) -> str:
    return value.name if isinstance(value, sx.Option) else repr(value)
