"""The surrogates that a report compares: the spec's own, and every other that the metric takes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss
from lossc.compiler.relaxed.norms import NORMS
from lossc.grammar.errors import SpecError
from lossc.reporting.figures import Surrogate

#: Compiles the spec with an interpolation and a transform; ``None``: as the spec has them.
Compile = Callable[[str | None, str | None], CompiledLoss]

OTHERS = {
    "idw": "idw(gradient = exact)",
    "substitute (product)": "substitute(tnorm = product)",
    "substitute (godel)": "substitute(tnorm = godel)",
    "substitute (lukasiewicz)": "substitute(tnorm = lukasiewicz)",
    "multilinear": "multilinear",
    "bound": "bound",
    "perturbed": "perturbed",
}


@dataclass(frozen=True)
class Contender:
    """A surrogate that the metric takes."""

    name: str
    compiled: CompiledLoss
    own: bool = False

    def loss(self) -> Any:
        """A fresh loss: it draws from its seed on."""
        return self.compiled.loss()

    def function(self, training: bool = True) -> Callable[..., Tensor]:
        """The surrogate in the units of the metric, as a function of the inputs.

        Args:
            training: Every call draws new numbers, as in training; else all make the same draw.
        """
        loss = self.loss().train(training)

        def value(*inputs: Tensor) -> Tensor:
            with torch.no_grad():
                return self.value(loss(*inputs))

        return value

    def value(self, loss: Tensor) -> Tensor:
        """The loss in the units of the metric: the smooth metric that it was made of."""
        goal, surrogate = self.compiled.plan.graph.goal, self.compiled.surrogate
        if goal == "loss" or surrogate is None:
            return loss
        if surrogate.transform == "log":
            return (-loss).exp() if goal == "evaluate" else 1 - (-loss).exp()
        return -loss if goal == "evaluate" else loss


def contenders(compile_with: Compile) -> tuple[list[Contender], list[Surrogate]]:
    """What can be compared, the spec's own first, and what is said of all that was tried.

    Raises:
        SpecError: The spec itself is wrong.
    """
    own = compile_with(None, None)
    if own.surrogate is None:
        name = "loss"
        return [Contender(name, own, True)], [Surrogate(name, "differentiable as it is", True)]
    found: list[Contender] = []
    said: list[Surrogate] = []
    for name, interpolation in OTHERS.items():
        try:
            compiled = compile_with(interpolation, "none")
        except SpecError as error:
            said.append(Surrogate(name, interpolation, False, reason(error)))
            continue
        same = str(compiled.surrogate) == str(own.surrogate)
        twin = next((other for other in found if _same_code(other.compiled, compiled)), None)
        if twin is None:
            found.append(Contender(name, compiled, same))
        else:  # t-norms make no difference where nothing is joined
            kept = compiled if same else twin.compiled
            found[found.index(twin)] = Contender(_both(twin.name, name), kept, same or twin.own)
    if not any(contender.own for contender in found):
        found.append(Contender(f"own {own.surrogate.interpolation}", own, True))
    found.sort(key=lambda one: not one.own)  # stable: the others keep their order
    taken = [
        Surrogate(one.name, str(one.compiled.surrogate).removesuffix(" ()"), one.own)
        for one in found
    ]
    return found, [*taken, *said]


def own_of(compared: Sequence[Contender]) -> Contender:
    """The surrogate that the spec, or the caller, chose."""
    return compared[0]


def reason(error: SpecError) -> str:
    """The first thing that is wrong, with its code: ``L038: there is no bound: ...``."""
    first = error.diagnostics[0]
    return f"{first.code}: {first.message.splitlines()[0]}"


def _same_code(first: CompiledLoss, second: CompiledLoss) -> bool:
    """Whether two losses differ in nothing but docstrings, which name the t-norm."""
    return _code(first) == _code(second)


def _code(compiled: CompiledLoss) -> str:
    tree = ast.parse(compiled.source())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            del node.body[0]
    return ast.dump(tree)


def _both(first: str, second: str) -> str:
    """``substitute (product, godel)``; without a list where it names every t-norm."""
    kind, _, norms = first.partition(" (")
    listed = [*norms.rstrip(")").split(", "), second.partition(" (")[2].rstrip(")")]
    return kind if len(listed) == len(NORMS) else f"{kind} ({', '.join(listed)})"
