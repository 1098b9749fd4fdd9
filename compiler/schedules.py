"""What changes during training: which schedules there are, and those of one loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossc.compiler.front.params import plain
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, closest, one_of
from lossc.grammar.parser import parse_option
from lossc.runtime import epochs

if TYPE_CHECKING:
    from lossc.compiler.warmup import Warmup

#: A schedule, several, or ``"none"``; ``None``: the spec's own.
GivenSchedules = str | Mapping[str, object] | Sequence[str | Mapping[str, object]] | None

#: What each schedule takes; ``from`` and ``after`` may be left out, ``steps`` stands in place of
#: ``epochs`` or ``milestones``.
SCHEDULES: Mapping[str, tuple[str, ...]] = {
    "warmup": ("first", "epochs"),
    "linear": ("of", "from", "to", "epochs", "steps", "after"),
    "cosine": ("of", "from", "to", "epochs", "steps", "after"),
    "exponential": ("of", "from", "to", "epochs", "steps", "after"),
    "piecewise": ("of", "values", "milestones", "steps"),
}
_OPTIONAL = ("from", "after")
_BY_STEP = "steps"  # in place of `epochs` or `milestones`

#: How each is written, for messages.
EXAMPLES = {
    "warmup": "`warmup(first = cross_entropy, epochs = 5)`",
    "linear": "`linear(of = temperature, from = 1, to = 0.1, epochs = 20)`",
    "cosine": "`cosine(of = temperature, from = 1, to = 0.1, epochs = 20)`",
    "exponential": "`exponential(of = temperature, from = 1, to = 0.1, epochs = 20)`",
    "piecewise": '`piecewise(of = temperature, values = "1, 0.1", milestones = "20")`',
}


@dataclass(frozen=True)
class NumberSchedule:
    """What one option or param is in each epoch.

    Args:
        kind: A key of :data:`SCHEDULES`.
        of: The name of the option or param.
        arguments: Of the runtime function, behind the epoch.
        whole: Whether only whole numbers come out of it.
        is_param: Whether it is a param of the spec, and no option of the surrogate.
        by_step: Whether it goes by steps of the training, and not by epochs.
    """

    kind: str
    of: str
    arguments: tuple[Any, ...]
    whole: bool = False
    is_param: bool = False
    by_step: bool = False

    @property
    def function(self) -> str:
        """The name of the runtime function."""
        return f"{self.kind}_schedule"

    def at(self, epoch: float) -> float:
        """The value in an epoch from 0; at infinity, the last one."""
        value = float(getattr(epochs, self.function)(epoch, *self.arguments))
        return int(value) if self.whole else value

    @property
    def values(self) -> tuple[float, ...]:
        """Those between which all others lie."""
        return self.arguments[0] if self.kind == "piecewise" else self.arguments[:2]

    @property
    def fraction(self) -> float | None:
        """A value that is no whole number; ``None`` where there are none."""
        if self.kind == "piecewise":
            return next((value for value in self.values if value != int(value)), None)
        start, end = self.values
        between = start + (end - start) * (math.sqrt(5) - 1) / 2
        tried = (start, end, between)
        return next((value for value in tried if value != int(value)), None)

    def __str__(self) -> str:
        unit = "step" if self.by_step else "epoch"
        if self.kind == "piecewise":
            values, milestones = self.arguments
            later = (f"{v:g} from {unit} {m}" for v, m in zip(values[1:], milestones, strict=True))
            return f"{self.of} {values[0]:g}, {', '.join(later)}"
        start, end, count, after = self.arguments
        span = f"in {unit}s {after} to {after + count}"
        return f"{self.of} {self.kind} from {start:g} to {end:g} {span}"


@dataclass(frozen=True)
class SchedulePlan:
    """All that changes during the training with one loss.

    Args:
        warmup: Which loss comes first.
        numbers: Options and params that change, in the order of the statements.
        given: The schedules as :func:`read_options` takes them, with the whole text of ``first``.
    """

    warmup: Warmup | None
    numbers: tuple[NumberSchedule, ...]
    given: tuple[Mapping[str, object], ...]

    @property
    def of_steps(self) -> tuple[NumberSchedule, ...]:
        """The numbers that go by steps."""
        return tuple(each for each in self.numbers if each.by_step)

    @property
    def of_epochs(self) -> tuple[NumberSchedule, ...]:
        """The numbers that go by epochs."""
        return tuple(each for each in self.numbers if not each.by_step)

    def __str__(self) -> str:
        first = [str(self.warmup)] if self.warmup is not None else []
        return "; ".join([*first, *map(str, self.numbers)])


def read_options(spec: sx.Spec, given: GivenSchedules) -> tuple[sx.Option, ...]:
    """The schedules that count: the caller's if there are any, else the spec's.

    Raises:
        SpecError: A text is no choice with parameters.
        TypeError: Something else than a text or a mapping came.
    """
    if given is None:
        return tuple(each.option for each in spec.schedules)
    listed = [given] if isinstance(given, (str, Mapping)) else list(given)
    options = [_option(each) for each in listed]
    return tuple(option for option in options if option.name != "none" or option.arguments)


def _option(given: object) -> sx.Option:
    if isinstance(given, str):
        return parse_option(given)
    if not isinstance(given, Mapping):
        raise TypeError(
            "schedule takes a name with parameters, a dict, or a list of them, "
            f"not {type(given).__name__}"
        )
    values = dict(given)
    kind = str(values.pop("kind", None))
    span = parse_option(kind if kind.isidentifier() else "schedule").span
    arguments: list[tuple[str, sx.Literal | sx.Option]] = []
    for key, value in values.items():
        value = plain(value)
        if isinstance(value, Mapping):
            inner = dict(value)
            name = str(inner.pop("kind", None))
            # the name of a spec may be its whole text here, which is no name to the grammar
            literals = tuple((str(k), _literal(plain(v))) for k, v in inner.items())
            arguments.append((key, sx.Option(name, literals, span)))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            arguments.append((key, ", ".join(str(plain(each)) for each in value)))
        else:
            arguments.append((key, _literal(value)))
    return sx.Option(kind, tuple(arguments), span)


def _literal(value: object) -> sx.Literal:
    return value if isinstance(value, (int, float, str)) else str(value)


def check_names(options: Sequence[sx.Option]) -> list[Diagnostic]:
    """Unknown schedules and parameters, missing parameters, and two schedules of the same."""
    errors: list[Diagnostic] = []
    seen: set[object] = set()
    for option in options:
        if option.name not in SCHEDULES:
            message = f"unknown schedule '{option.name}'"
            near = closest(option.name, SCHEDULES)
            errors.append(Diagnostic(option.span, "bad-option", message, one_of(SCHEDULES), near))
            continue
        known, said = SCHEDULES[option.name], [key for key, _ in option.arguments]
        for key in said:
            if key not in known:
                message = f"{option.name} has no option '{key}'"
                near = closest(key, known)
                errors.append(Diagnostic(option.span, "bad-option", message, one_of(known), near))
        timed = [key for key in ("epochs", "milestones", _BY_STEP) if key in known]
        if sum(key in said for key in timed) > 1:
            message = f"{option.name} goes by '{timed[0]}' or by 'steps'"
            errors.append(Diagnostic(option.span, "bad-schedule", message, "one of them"))
        given = (*said, *_OPTIONAL, *(timed if any(key in said for key in timed) else [_BY_STEP]))
        missing = [key for key in known if key not in given]
        if missing and set(said) <= set(known):
            message = f"{option.name} needs '{missing[0]}'"
            errors.append(Diagnostic(option.span, "bad-schedule", message, EXAMPLES[option.name]))
        what = "warmup" if option.name == "warmup" else dict(option.arguments).get("of")
        if what in seen:
            message = (
                "there are two warm-ups" if what == "warmup" else f"'{what}' has two schedules"
            )
            errors.append(Diagnostic(option.span, "bad-schedule", message, "one of them"))
        seen.add(what)
    return errors
