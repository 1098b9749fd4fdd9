"""Figures of the outputs of an epoch, as they came while the weights were changing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lossc.models.evaluate import measure, measure_summaries, summarise
from lossc.models.recipe import Recipe


class Running:
    """Keeps an epoch's outputs, or their summaries, until they are measured.

    Args:
        recipe: Says which metrics there are, and which figures are watched besides.
    """

    def __init__(self, recipe: Recipe):
        self._recipe = recipe.watching()
        self._seen: list[tuple[Tensor, Mapping[str, Tensor]]] = []
        self._summaries: list[dict[str, Tensor]] = []

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()
        self._summaries.clear()

    def add(self, output: Tensor, targets: Mapping[str, Tensor]) -> None:
        """Keep a step's output, or what the recipe's metrics read of it.

        Args:
            output: ``[n, ...]``, detached.
            targets: By name, each ``[n, ...]``.

        Raises:
            TrainingError: The output of a recipe with a summary is not finite.
        """
        if self._recipe.summary is None:
            self._seen.append((output, dict(targets)))
            return
        with torch.no_grad():
            self._summaries.append(summarise(output, targets, self._recipe))

    def figures(self) -> dict[str, float]:
        """All metrics and watched figures of what was added, which is then forgotten.

        Raises:
            TrainingError: An output is not finite.
        """
        seen, summaries = self._seen, self._summaries
        self._seen, self._summaries = [], []
        if self._recipe.summary is not None:
            return measure_summaries(summaries, self._recipe)
        output = torch.cat([output for output, _ in seen])
        names = seen[0][1]
        targets = {name: torch.cat([targets[name] for _, targets in seen]) for name in names}
        return measure(output, targets, self._recipe)
