"""Which surrogate relaxes a metric, and its options: from the spec, then from the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lossc.compiler.choices import (
    ALL_OPTIONS,
    INTERPOLATIONS,
    STEP_OPTIONS,
    STEPS,
    Interpolation,
    Step,
)
from lossc.compiler.front.params import plain
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError, closest, one_of
from lossc.grammar.parser import parse_option

Given = str | Mapping[str, object] | None


@dataclass(frozen=True)
class SurrogatePlan:
    """A step relaxation and an interpolation with all their options."""

    step: str
    interpolation: str
    options: Mapping[str, int | float | str]
    seed: int

    @property
    def relaxation(self) -> Step:
        """The entry of the table of steps."""
        return STEPS[self.step]

    @property
    def method(self) -> Interpolation:
        """The entry of the table of interpolations."""
        return INTERPOLATIONS[self.interpolation]

    @property
    def run_time(self) -> tuple[str, ...]:
        """The options that the loss takes as arguments."""
        shared: tuple[str, ...] = () if self.interpolation == "perturbed" else STEP_OPTIONS
        if self.follows_scores:
            shared = tuple(name for name in shared if name != "temperature")
        return (*shared, *self.method.run_time)

    @property
    def published_consistency(self) -> bool:
        """Whether configurations that no scores have count as 0, as in the published code."""
        return self.interpolation == "idw" and self.options["inconsistent"] == "published"

    @property
    def samples_best(self) -> bool:
        """Whether the best configuration is drawn among those that are equally good."""
        return self.interpolation == "idw" and self.options["best"] == "sampled"

    @property
    def flips(self) -> str:
        """What good and nearby anchors flip: a ``bit``, a ``row``, a ``column`` or a ``share``."""
        return str(self.options["flips"])

    @property
    def transform(self) -> str:
        """``log`` where minus the logarithm of the metric is trained, else ``none``."""
        return str(self.options["transform"])

    @property
    def follows_scores(self) -> bool:
        """Whether the temperature is set from the spread of the scores."""
        return self.options["temperature"] == "auto"

    @property
    def remembers(self) -> int:
        """How many items of former batches stand beside the current one."""
        return int(self.options["size"]) if self.options["memory"] == "queue" else 0

    @property
    def gathers(self) -> bool:
        """Whether the loss is that of the batch of all processes."""
        return self.options["gather"] == "batch"

    def __str__(self) -> str:
        warm = () if self.interpolation == "perturbed" else ("temperature",)
        own = (*self.run_time, *warm, *self.method.compile_time, "max_spread", "transform")
        own = (*own, "gather", "memory")
        shown = {
            k: v
            for k, v in self.options.items()
            if k in own and (v != ALL_OPTIONS[k].default or k in ("temperature", "tnorm"))
        }
        options = ", ".join(f"{name}={value}" for name, value in shown.items())
        names = [] if self.interpolation == "perturbed" else [self.step]
        return f"{' + '.join([*names, self.interpolation])} ({options})"


def plan_surrogate(
    spec: sx.Spec,
    step: Given = None,
    interpolation: Given = None,
    squash: str | None = None,
    transform: str | None = None,
    seed: int = 0,
    gather: str | None = None,
    memory: Given = None,
) -> SurrogatePlan:
    """The surrogate of a spec with the caller's choices on top.

    Raises:
        SpecError: An unknown step, interpolation or option, or a value out of range.
        ValueError: The seed is not a whole number.
    """
    seed = seed_number(seed)
    values: dict[str, int | float | str] = {
        name: choice.default for name, choice in ALL_OPTIONS.items()
    }
    names = {"step": "sigmoid", "interpolation": "idw"}
    errors: list[Diagnostic] = []
    said: dict[str, sx.Option] = {}
    for surrogate in spec.surrogates:
        said[surrogate.slot.id] = surrogate.option
        _apply(surrogate.slot.id, surrogate.option, names, values, errors)
    for slot, given in (
        ("step", step),
        ("interpolation", interpolation),
        ("squash", squash),
        ("transform", transform),
        ("gather", gather),
        ("memory", memory),
    ):
        if given is not None:
            said[slot] = _option(slot, given)
            _apply(slot, said[slot], names, values, errors)
    if not errors:
        errors += _refusals(names, said, values)
    if errors:
        raise SpecError(errors)
    return SurrogatePlan(names["step"], names["interpolation"], values, seed)


def seed_number(seed: object) -> int:
    """A seed as a Python number.

    Raises:
        ValueError: It is not a whole number of 64 bits.
    """
    seed = plain(seed)
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number of 64 bits, got {seed!r}")
    return seed


def _option(slot: str, given: str | Mapping[str, object]) -> sx.Option:
    if isinstance(given, str):
        return parse_option(given)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{slot} takes a name, a name with parameters, or a dict, not {type(given).__name__}"
        )
    options = dict(given)
    name = options.pop("kind", None)
    listed = ", ".join(f"{key} = {_literal(plain(value))}" for key, value in options.items())
    return parse_option(f"{name}({listed})" if listed else str(name))


def _literal(value: object) -> str:
    number = isinstance(value, (int, float))
    return str(value) if number or str(value).isidentifier() else f'"{value}"'


def _apply(
    slot: str,
    option: sx.Option,
    names: dict[str, str],
    values: dict[str, int | float | str],
    errors: list[Diagnostic],
) -> None:
    tables: dict[str, dict[str, tuple[str, ...]]] = {
        "step": {name: (*STEP_OPTIONS, "max_spread") for name in STEPS},
        "interpolation": {
            name: (*entry.run_time, *entry.compile_time, "squash")
            for name, entry in INTERPOLATIONS.items()
        },
    }
    if slot in ("squash", "best", "transform", "gather"):
        _set(option, slot, option.name, values, errors)
        return
    if slot == "memory":
        _set(option, slot, option.name, values, errors)
        for key, value in option.arguments:
            if key == "size" and option.name == "queue":
                _set(option, key, value, values, errors)
            else:
                message = f"{option.name} has no option '{key}'"
                known = ["size"] if option.name == "queue" else []
                errors.append(Diagnostic(option.span, "bad-option", message, one_of(known)))
        return
    if slot not in tables:
        known = [*tables, "squash", "best", "transform", "gather", "memory"]
        message = f"there is no surrogate slot '{slot}'"
        errors.append(
            Diagnostic(option.span, "bad-option", message, one_of(known), closest(slot, known))
        )
        return
    table = tables[slot]
    if option.name not in table:
        errors.append(
            Diagnostic(
                option.span,
                "bad-option",
                f"unknown {slot} '{option.name}'",
                one_of(table),
                closest(option.name, table),
            )
        )
        return
    names[slot] = option.name
    for key, value in option.arguments:
        if key not in table[option.name]:
            errors.append(
                Diagnostic(
                    option.span,
                    "bad-option",
                    f"{option.name} has no option '{key}'",
                    one_of(table[option.name]),
                    closest(key, table[option.name]),
                )
            )
        else:
            _set(option, key, value, values, errors)


def _refusals(
    names: Mapping[str, str],
    said: Mapping[str, sx.Option],
    values: Mapping[str, int | float | str],
) -> list[Diagnostic]:
    """Steps, interpolations and options that do not go together."""
    if values["temperature"] == "auto" and values["max_spread"] != "none":
        message = "max_spread has no use beside temperature = auto, which follows the spread"
        return [Diagnostic(said["step"].span, "bad-option", message, "one of the two")]
    step, method = names["step"], INTERPOLATIONS[names["interpolation"]]
    if not (STEPS[step].reaches and method.why_no_reach):
        return []
    option = said.get("step") or said["interpolation"]
    others = [name for name, entry in STEPS.items() if not entry.reaches]
    message = f"{names['interpolation']} cannot be used with {step}: {method.why_no_reach}"
    return [Diagnostic(option.span, "bad-option", message, one_of(others))]


def _set(
    option: sx.Option,
    key: str,
    value: object,
    values: dict[str, int | float | str],
    errors: list[Diagnostic],
) -> None:
    choice = ALL_OPTIONS[key]
    if isinstance(value, sx.Option):
        value = value.name
    if choice.choices:
        if value not in choice.choices:
            message = f"{key} = {value} is not a choice"
            errors.append(
                Diagnostic(
                    option.span,
                    "bad-option",
                    message,
                    one_of(choice.choices),
                    closest(str(value), choice.choices),
                )
            )
            return
        values[key] = str(value)
        return
    if isinstance(value, str) and value in choice.words:
        values[key] = value
        return
    if isinstance(value, (str, bool)) or not isinstance(value, (int, float)):
        errors.append(Diagnostic(option.span, "bad-option", f"{key} takes a number, not {value!r}"))
        return
    least = value > choice.low or (choice.closed and value == choice.low)
    if not least or value == float("inf"):
        interval = f"{'[' if choice.closed else '('}{choice.low:g}, inf)"
        errors.append(
            Diagnostic(
                option.span,
                "param-range",
                f"{key} = {value} is outside {interval}",
                f"a number in {interval}",
            )
        )
        return
    if choice.whole and value != int(value):
        errors.append(
            Diagnostic(option.span, "param-range", f"{key} = {value} is not a whole number")
        )
        return
    values[key] = int(value) if choice.whole else float(value)
