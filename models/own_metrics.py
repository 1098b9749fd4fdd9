"""What a user brings to a task: constant inputs of a spec, and the specs' own metrics."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.models.errors import TaskError
from lossc.models.losses import LossChoice
from lossc.models.recipe import Inputs, Measure, Recipe


def with_constants(recipe: Recipe, files: Mapping[str, Path]) -> Recipe:
    """The recipe with inputs that are the same for every batch, such as a table of costs.

    Args:
        recipe: A task.
        files: By the name of the input: ``.npy``, or text with numbers between commas or spaces.

    Raises:
        TaskError: A file cannot be read, or the task feeds an input of that name already.
    """
    constants, digests, kinds = {}, {}, {}
    for name, path in files.items():
        if name in recipe.provides:
            raise TaskError(f"input '{name}': task '{recipe.name}' feeds it already")
        constants[name] = _read(name, path)
        digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        kinds[name] = f"{list(constants[name].shape)} from {path}"
    if not constants:
        return recipe
    return replace(
        recipe,
        provides={**recipe.provides, **kinds},
        inputs=_WithConstants(recipe.inputs, constants),
        constants=digests,
    )


def _read(name: str, path: Path) -> Tensor:
    try:
        if path.suffix == ".npy":
            table = np.load(path, allow_pickle=False)
        else:
            comma = "," in path.read_text(encoding="utf-8")
            table = np.loadtxt(path, delimiter="," if comma else None, ndmin=0)
        tensor = torch.from_numpy(np.asarray(table))
    except (OSError, ValueError, TypeError) as error:
        raise TaskError(f"input '{name}': cannot read '{path}': {error}") from None
    return tensor.float() if tensor.is_floating_point() else tensor


@dataclass(frozen=True)
class _WithConstants:
    """The task's inputs, and constants beside them on the same device."""

    inputs: Inputs
    constants: Mapping[str, Tensor] = field(repr=False)  # the recipe has their digests

    def __call__(self, output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        made = self.inputs(output, targets)
        return {**made, **{name: c.to(output.device) for name, c in self.constants.items()}}


def with_own_metrics(recipe: Recipe, choices: list[LossChoice]) -> Recipe:
    """The recipe that also measures, at the end, every metric that is trained on."""
    own: dict[str, Measure] = {}
    for choice in choices:
        metric = SpecMetric.of(choice)
        if metric is None or metric.title in recipe.metrics:
            continue
        taken = own.get(metric.title)
        if taken is None or taken == metric:
            own[metric.title] = metric
        else:  # one spec with two params: each has its own figure
            own[choice.text] = metric
    return replace(recipe, final_metrics=own)


@dataclass(frozen=True)
class SpecMetric:
    """A spec's metric as it is written, without a surrogate.

    Args:
        name: The spec.
        title: What the table calls it.
        takes: Its inputs.
        params: Values of its params, as pairs.
        folders: Where its name is looked up.
    """

    name: str
    title: str
    takes: tuple[str, ...]
    params: tuple[tuple[str, int | float | str], ...]
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, choice: LossChoice) -> SpecMetric | None:
        """The metric of a loss; ``None`` for a baseline and for a spec that defines a loss."""
        if not choice.digest:
            return None
        params = tuple(sorted(choice.params.items()))
        made = cls(choice.name, "", choice.takes, params, choice.folders)
        compiled = made.compiled()
        if not compiled.plan.is_metric:
            return None
        return replace(made, title=compiled.spec.name.id)

    def __call__(self, inputs: Mapping[str, Tensor]) -> float:
        given = {name: inputs[name] for name in self.takes}
        return float(self.compiled().metric(**given))

    def compiled(self) -> CompiledLoss:
        return _compiled(self.name, self.params, self.folders)


@functools.lru_cache(maxsize=32)
def _compiled(
    name: str, params: tuple[tuple[str, int | float | str], ...], folders: tuple[Path, ...]
) -> CompiledLoss:
    return compile_spec(name, params=dict(params), gather="none", folders=folders)
