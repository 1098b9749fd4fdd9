"""Which surrogate relaxes a metric, and its options: from the spec, then from the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass

from lossc.compiler.choices import (
    ALL_OPTIONS,
    DEFAULT_INTERPOLATION,
    DEFAULT_STEP,
    INTERPOLATIONS,
    STEP_OPTIONS,
    STEPS,
    Interpolation,
    Step,
    usual_options,
)
from lossc.compiler.front.params import plain
from lossc.compiler.surrogate_options import Given, apply_option, option_of, refusals
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.source import Span


@dataclass(frozen=True)
class SurrogatePlan:
    """A step relaxation and an interpolation with all their options.

    ``named`` says whether spec or caller chose the interpolation.
    """

    step: str
    interpolation: str
    options: Mapping[str, int | float | str]
    seed: int
    named: bool = True

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
    def without_best(self) -> bool:
        """Whether the best configuration is no anchor."""
        return self.interpolation == "idw" and self.options["best"] == "none"

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
    given_values: dict[str, int | float | str] = {}
    names = {"step": DEFAULT_STEP, "interpolation": DEFAULT_INTERPOLATION[decodes(spec)]}
    errors: list[Diagnostic] = []
    said: dict[str, sx.Option] = {}
    for surrogate in spec.surrogates:
        said[surrogate.slot.id] = surrogate.option
        apply_option(surrogate.slot.id, surrogate.option, names, given_values, errors)
    own, given_values = given_values, {}
    for slot, given in (
        ("step", step),
        ("interpolation", interpolation),
        ("squash", squash),
        ("transform", transform),
        ("gather", gather),
        ("memory", memory),
    ):
        if given is not None:
            said[slot] = option_of(slot, given)
            apply_option(slot, said[slot], names, given_values, errors)
    given_values = {**_without_rivals(own, given_values), **given_values}
    follows = given_values.get("temperature") == "auto"
    values = {**usual_options(names["step"], names["interpolation"], follows), **given_values}
    if not errors:
        errors += refusals(names, said, values)
    if errors:
        raise SpecError(errors)
    return SurrogatePlan(
        names["step"], names["interpolation"], values, seed, named="interpolation" in said
    )


def _without_rivals(
    own: Mapping[str, int | float | str], called: Mapping[str, int | float | str]
) -> dict[str, int | float | str]:
    """What a spec says, but for what a caller's choice leaves no place for."""
    kept = dict(own)
    if called.get("temperature") == "auto":
        kept.pop("max_spread", None)
    if called.get("max_spread", "none") != "none" and kept.get("temperature") == "auto":
        kept.pop("temperature")
    return kept


def decodes(spec: sx.Spec) -> bool:
    """Whether a spec decodes scores to the index of the largest one."""
    stack: list[object] = [*spec.definitions, spec.goal]
    while stack:
        node = stack.pop()
        if isinstance(node, sx.Reduction) and node.op in ("argmax", "argmin"):
            return True
        if isinstance(node, tuple):
            stack.extend(node)
        elif is_dataclass(node) and not isinstance(node, Span):
            stack.extend(getattr(node, field.name) for field in fields(node))
    return False


def seed_number(seed: object) -> int:
    """A seed as a Python number.

    Raises:
        ValueError: It is not a whole number of 64 bits.
    """
    seed = plain(seed)
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number of 64 bits, got {seed!r}")
    return seed
