"""A network's figures on a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lossc.models.data.split import Examples
from lossc.models.errors import TrainingError
from lossc.models.recipe import Recipe

EVALUATION_BATCH = 2048
SUMMARY_BATCH = 256  # outputs that are summarised are large


def evaluate(network: nn.Module, split: Examples, recipe: Recipe) -> dict[str, float]:
    """The recipe's metrics over all examples of a split, by name.

    Args:
        network: Put into evaluation mode for the time of the call.
        split: On the network's device.
        recipe: Says how outputs become inputs of a metric, and which metrics there are.

    Raises:
        TrainingError: The network's output is not finite.
    """
    if recipe.summary is None:
        return measure(outputs(network, split), split.targets, recipe)
    summaries = []
    for part in split.in_order(SUMMARY_BATCH):
        summaries.append(summarise(outputs(network, part), part.targets, recipe))
    return measure_summaries(summaries, recipe)


def evaluate_finally(network: nn.Module, split: Examples, recipe: Recipe) -> dict[str, float]:
    """What :func:`evaluate` gives, and the recipe's final metrics.

    Raises:
        TrainingError: The output is not finite, or a metric cannot take it.
    """
    if not recipe.final_metrics:
        return evaluate(network, split, recipe)
    large = recipe.summary is not None
    output = outputs(network, split, SUMMARY_BATCH if large else EVALUATION_BATCH)
    if recipe.summary is None:
        figures = measure(output, split.targets, recipe)
    else:
        figures = evaluate(network, split, recipe)
    inputs = recipe.inputs(output.float(), split.targets)
    for name, metric in recipe.final_metrics.items():
        try:
            figures[name] = metric(inputs)
        except ValueError as error:
            raise TrainingError(f"metric '{name}': {error}") from error
    return figures


def outputs(network: nn.Module, split: Examples, batch: int = EVALUATION_BATCH) -> Tensor:
    """The network's output on every example, in order: ``[n, ...]``, without gradient.

    Args:
        network: Put into evaluation mode for the time of the call.
        split: On the network's device.
        batch: Examples at a time.
    """
    training = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part.features) for part in split.in_order(batch)]
    network.train(training)
    return torch.cat(parts)


def measure(output: Tensor, targets: Mapping[str, Tensor], recipe: Recipe) -> dict[str, float]:
    """The recipe's metrics of outputs that are there already.

    Args:
        output: ``[n, ...]``.
        targets: By name, each ``[n, ...]``, in the same order.
        recipe: The task.

    Raises:
        TrainingError: The output is not finite: a ranking of NaN would look like any other.
    """
    _check_finite(output)
    inputs = recipe.inputs(output.float(), targets)
    return {name: metric(inputs) for name, metric in recipe.metrics.items()}


def summarise(output: Tensor, targets: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Tensor]:
    """What the metrics of a recipe with a summary read of a batch.

    Raises:
        TrainingError: The output is not finite.
    """
    assert recipe.summary is not None
    _check_finite(output)
    return recipe.summary(output.float(), targets)


def measure_summaries(
    summaries: Sequence[Mapping[str, Tensor]], recipe: Recipe
) -> dict[str, float]:
    """The recipe's metrics of all batches together."""
    whole = {name: torch.cat([one[name] for one in summaries]) for name in summaries[0]}
    return {name: metric(whole) for name, metric in recipe.metrics.items()}


def _check_finite(output: Tensor) -> None:
    if not torch.isfinite(output).all():
        raise TrainingError("the network's output is not finite: a smaller learning rate may help")
