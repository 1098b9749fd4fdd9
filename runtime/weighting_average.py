"""Terms that fall least from one epoch to the next come first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lossc.runtime.checks import check_number
from lossc.runtime.weighting import ErrorWeighting


class WeightAverageWeighting(ErrorWeighting):
    r"""Dynamic weight average: :math:`\sum_i w_i L_i` with weights from the last two epochs.

    .. math:: w_i = T \, \mathrm{softmax}_i(r_i / \tau), \qquad r_i = E_i(t-1) / E_i(t-2)

    :math:`E_i(t)` is the mean of term i over epoch t, as error of :class:`ErrorWeighting`. Until
    there are two epochs, and for a term without error in the earlier one, the ratio is 1. Values
    that are not finite take no part in the means.

    ``set_epoch`` says when an epoch begins. A weighting that has never been told one takes each
    training call for an epoch.

    Source: Liu et al. 2019, equation 7.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting; nothing depends on it.
        temperature: The higher, the more equal the weights.
    """

    epoch: Tensor
    sums: Tensor
    calls: Tensor
    last: Tensor
    former: Tensor

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        temperature: float = 2.0,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("temperature", temperature, 0.0, math.inf, False, False)
        self.temperature = temperature
        self.register_buffer("epoch", torch.tensor(-1))
        for name, start in (("sums", 0), ("calls", 0), ("last", math.nan), ("former", math.nan)):
            self.register_buffer(name, torch.full((count,), float(start)))

    def set_epoch(self, epoch: int) -> None:
        """Begins an epoch, unless it is the one that has begun; weights follow those before."""
        if epoch == int(self.epoch):
            return
        self.epoch.fill_(epoch)
        self.finish(torch.ones_like(self.epoch, dtype=torch.bool))

    def finish(self, now: Tensor) -> None:
        """Ends an epoch, if there were calls in it, and if it is ``now``: bool, ``[]``."""
        seen = now & (self.calls > 0)
        self.former.copy_(torch.where(seen, self.last, self.former))
        self.last.copy_(torch.where(seen, self.sums / self.calls, self.last))
        self.sums.copy_(torch.where(now, 0, self.sums))
        self.calls.copy_(torch.where(now, 0, self.calls))

    def current(self) -> Tensor:
        """The weights of this epoch."""
        before = self.former - self.best
        ratios = (self.last - self.best) / before
        ratios = torch.where(ratios.isfinite(), ratios, 1)
        return self.count * (ratios / self.temperature).softmax(0)

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """The weights of this step; its values enter the means."""
        self.errors(told)
        weights = self.current()
        finite = told.isfinite()
        self.sums.add_(torch.where(finite, told, 0))
        self.calls.add_(finite)
        self.finish(self.epoch < 0)
        return weights
