"""The paper's own setting: anchors stay where they were drawn, and the scores move away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss
from lossc.compiler.refactor.lines import lines_of_families
from lossc.reporting.contenders import Contender
from lossc.reporting.inputs import Batch
from lossc.reporting.states import known
from lossc.runtime import relaxations
from lossc.runtime.families import compared as all_compared
from lossc.runtime.reference import idw
from lossc.runtime.written_out import configurations

NAME = "idw, anchors kept"
MOST_BITS = 2**24  # of all anchors: they are written out bit by bit


@dataclass(frozen=True)
class KeptAnchors:
    """Inverse distance weighting with anchors of another batch, by the plain reference."""

    compiled: CompiledLoss
    loss: Any
    temperature: float

    @staticmethod
    def of(compared: Sequence[Contender]) -> KeptAnchors | None:
        """For the first inverse distance weighting among the surrogates, if there is one.

        ``None``, too, where the temperature is no number but follows the scores.
        """
        for contender in compared:
            surrogate = contender.compiled.surrogate
            if surrogate is not None and surrogate.interpolation == "idw":
                temperature = surrogate.options["temperature"]
                if isinstance(temperature, str):
                    return None
                return KeptAnchors(contender.compiled, contender.loss(), temperature)
        return None

    def at(self, batch: Batch) -> Callable[[Batch], Tensor] | None:
        """The surrogate whose anchors are drawn at ``batch``: a function of where it is evaluated.

        ``None`` where they are too many to write out.
        """
        arguments = self._prepared(batch)
        families = self.loss.families(*arguments)
        count = sum(int(family.stored.sum()) for family in families)
        anchors = 1 + self.loss.good + self.loss.nearby + self.loss.bad
        if count * anchors > MOST_BITS:
            return None
        best = self.loss.best(*arguments, families) if self.compiled.plan.uses_truth else None
        counts = (self.loss.good, self.loss.bad, self.loss.nearby)
        flips = self.compiled.surrogate.flips if self.compiled.surrogate is not None else "bit"
        lines = lines_of_families(self.compiled.plan.families, flips)
        bits = configurations(
            families, self.loss.seed, self.loss.step, *counts, best, flips=flips, lines=lines
        )
        if self.compiled.surrogate is not None and self.compiled.surrogate.without_best:
            bits = bits[1:]
        values = self.compiled.evaluate_binaries(bits, *known(batch.arguments()))

        def value(there: Batch) -> Tensor:
            return idw(self._relaxed(there), bits.to(values.dtype), values, self.loss.power)

        return value

    def _prepared(self, batch: Batch) -> tuple[Tensor, ...]:
        prepared: tuple[Tensor, ...] = self.loss.prepare(*batch.arguments())
        return prepared

    def _relaxed(self, batch: Batch) -> Tensor:
        """The relaxed binaries: ``[l]``."""
        assert self.compiled.surrogate is not None
        tail = getattr(relaxations, self.compiled.surrogate.relaxation.function)
        parts = [
            all_compared(family, self.loss.squash)[family.stored]
            for family in self.loss.families(*self._prepared(batch))
        ]
        comparisons = torch.cat(parts)
        missing, _ = tail(comparisons.abs(), self.temperature)
        return torch.where(comparisons > 0, 1 - missing, missing)
