"""What the interpolations' code shares: a step of the random numbers, calls, relaxed methods."""

from __future__ import annotations

from dataclasses import dataclass, field

from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import definition, indented
from lossc.compiler.plan import Plan
from lossc.compiler.surrogate import SurrogatePlan


@dataclass(frozen=True)
class Parts:
    """What a forward pass is written from."""

    plan: Plan
    surrogate: SurrogatePlan
    signature: Signature
    methods: Methods

    @property
    def temperature(self) -> str:
        """The code of the temperature: an option, or what the scores make it."""
        return "temperature" if self.surrogate.follows_scores else "self.temperature"

    @property
    def warming(self) -> list[str]:
        """The statement that sets it, where the scores do."""
        return [self.methods.warming()] if self.surrogate.follows_scores else []

    def limiting(self, families: str = "families") -> list[str]:
        """The statement that brings scores nearer that spread too far, once they are compared."""
        most = self.surrogate.options["max_spread"]
        if most == "none":
            return []
        call = [families, self.methods.live, f"{float(most)!r}"]
        return definition(f"{families} = limited_families", call, "", 0)

    @property
    def families(self) -> str:
        """The statement that compares the scores."""
        return f"families = self.families({self.signature.arguments})"

    @property
    def metric(self) -> list[str]:
        """A function of row counts, for those that evaluate the metric at configurations."""
        return [
            "def metric(rows: Tensor) -> Tensor:",
            f"    return self.metric_of_rows(rows, families, {self.signature.arguments})",
            "",
        ]

    @property
    def step(self) -> list[str]:
        """The number of this step, for what is drawn anew in every one."""
        return ["step = self.step.clone()", "if self.training:", "    self.step.add_(1)", ""]

    def call(self, function: str, *arguments: str) -> list[str]:
        """``value = function(...)`` with the run-time options behind ``arguments``."""
        options = [f"{name}=self.{name}" for name in self.surrogate.run_time]
        if self.surrogate.follows_scores and self.surrogate.interpolation != "perturbed":
            options.insert(0, "temperature=temperature")
        return [
            f"value = {function}(",
            *(f"    {argument}," for argument in (*arguments, *options)),
            ")",
        ]

    def each_family(self, name: str, call: str) -> list[str]:
        """``name = tuple(call for family in families)``."""
        whole = f"{call} for family in families"
        if len(name) + len(whole) <= 81:
            return [f"{name} = tuple({whole})"]
        inner = [whole] if len(whole) <= 88 else [call, "for family in families"]
        return [f"{name} = tuple(", *indented(inner, 4), ")"]

    def relaxed_value(self) -> list[str]:
        """``value`` from ``relaxed`` binaries, by the method ``relaxed_metric``."""
        names = ["relaxed", "families", *self.signature.inputs.values()]
        return definition("value = self.relaxed_metric", names, "", 0)


@dataclass(frozen=True)
class Forward:
    """The statements that compute ``value`` from prepared inputs.

    Args:
        body: The statements.
        methods: Methods that they call.
        random: Whether they draw random numbers.
        unused: Run-time options that they do not need.
    """

    body: list[str]
    methods: list[list[str]] = field(default_factory=list)
    random: bool = False
    unused: tuple[str, ...] = ()
