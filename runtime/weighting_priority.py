"""Terms that are far from done come first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lossc.runtime.checks import check_number
from lossc.runtime.weighting import ErrorWeighting


class TaskPriorityWeighting(ErrorWeighting):
    r"""Dynamic task prioritisation: :math:`\sum_i w_i L_i` with focal weights of indicators.

    .. math::

        \bar\kappa_i \leftarrow \alpha \kappa_i + (1 - \alpha) \bar\kappa_i, \qquad
        w_i = -(1 - \bar\kappa_i)^\gamma \log \bar\kappa_i

    The indicator :math:`\kappa_i` says how well a term is done, in [0, 1]. It is what
    ``set_indicators`` was told; for a negated metric (a term that has been negative, and never
    below -1) the metric; for any other term :math:`1 / (1 + E_i / E_i(0))`, which is 1/2 at the
    start and 1 where nothing is left of the error :math:`E_i` of :class:`ErrorWeighting`. A
    call with a value that is not finite leaves that term's indicator as it is.

    Source: Guo et al. 2018, section 3.3, where indicators are accuracies; the one for losses is
    ours.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting; nothing depends on it.
        alpha: Share of the new indicator in the running one.
        gamma: How much less a term gets that is nearly done.
        least: Lower indicators count as this one, whose logarithm is finite.
    """

    running: Tensor
    indicators: Tensor

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        alpha: float = 0.1,
        gamma: float = 1.0,
        least: float = 0.01,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("alpha", alpha, 0.0, 1.0, False, True)
        check_number("gamma", gamma, 0.0, 10.0, True, True)
        check_number("least", least, 0.0, 1.0, False, False)
        self.alpha, self.gamma, self.least = alpha, gamma, least
        self.register_buffer("running", torch.full((count,), math.nan))
        self.register_buffer("indicators", torch.full((count,), math.nan))

    def set_indicators(self, indicators: Sequence[float] | Tensor) -> None:
        """Takes indicators measured elsewhere, as on held-out data, until it is told others.

        Args:
            indicators: One in [0, 1] for each term, the same on all processes; NaN: the own one.

        Raises:
            ValueError: Another number of them, or one outside [0, 1].
        """
        told = torch.as_tensor(indicators, dtype=self.indicators.dtype)
        if told.shape != (self.count,) or bool(((told < 0) | (told > 1)).any()):
            raise ValueError(
                f"indicators: expected {self.count} numbers in [0, 1], got {told.tolist()}"
            )
        self.indicators.copy_(told)

    def current(self) -> Tensor:
        """The weights for the running indicators."""
        running = torch.where(self.running.isnan(), 0.5, self.running).clamp(self.least, 1)
        return (1 - running) ** self.gamma * running.log().neg().abs()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """Takes in the indicators of this step."""
        errors = self.errors(told)
        fresh = torch.where(self.best == -1, 1 - errors, 1 / (1 + self.ratios(errors)))
        fresh = torch.where(told.isfinite(), fresh.clamp(0, 1), math.nan)
        fresh = torch.where(self.indicators.isnan(), fresh, self.indicators)
        mixed = torch.where(self.running.isnan(), fresh, self.running.lerp(fresh, self.alpha))
        self.running.copy_(torch.where(fresh.isnan(), self.running, mixed))
        return self.current()
