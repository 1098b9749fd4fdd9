"""Weights as learnt variances of the terms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossc.runtime.checks import check_number
from lossc.runtime.weighting import ErrorWeighting
from lossc.runtime.weighting_gradients import wide_dtype


class UncertaintyWeighting(ErrorWeighting):
    r"""Homoscedastic uncertainty: each term has a learnt log variance :math:`s_i`.

    .. math:: \sum_i \tfrac12 e^{-s_i} L_i + \tfrac12 s_i \qquad\text{(regression)}

    .. math:: \sum_i e^{-s_i} L_i + \tfrac12 s_i \qquad\text{(classification)}

    A squared error is the logarithm of a normal density, whence the half; a cross entropy is
    one already. ``log_variances`` is a parameter: give it to the optimiser, without weight decay.

    A negative term would draw its :math:`s_i` to minus infinity. Therefore the gradient of
    :math:`s_i` is that of the formula with the error :math:`E_i` of :class:`ErrorWeighting` in the
    place of :math:`L_i`, averaged over all processes; for a term that is never negative that is
    the formula. A value that is not finite gives no gradient to its :math:`s_i`.

    Source: Kendall, Gal and Cipolla 2018, equations 7 and 10, with :math:`s = \log \sigma^2`.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting; nothing depends on it.
        likelihood: ``"regression"`` or ``"classification"``, for all terms.
        initial: The log variances to start from.
        limit: They are kept between ``-limit`` and ``limit``: a term that reaches 0 would have an
            infinite weight.
    """

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        likelihood: str = "regression",
        initial: float = 0.0,
        limit: float = 10.0,
    ) -> None:
        super().__init__(count, names, gathered)
        if likelihood not in ("regression", "classification"):
            raise ValueError(
                f"likelihood: expected 'regression' or 'classification', got {likelihood!r}"
            )
        check_number("initial", initial, -10.0, 10.0, True, True)
        check_number("limit", limit, 0.0, 60.0, False, True)
        self.factor = 0.5 if likelihood == "regression" else 1.0
        self.likelihood, self.limit = likelihood, limit
        self.log_variances = nn.Parameter(torch.full((count,), float(initial)))
        self.weights.copy_(self.current())

    def current(self) -> Tensor:
        """The weights for the log variances as they are."""
        wide = self.log_variances.detach().to(wide_dtype(self.log_variances.dtype))
        return self.factor * (-wide.clamp(-self.limit, self.limit)).exp()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """Brings the log variances between their limits, and notes how far the terms have come."""
        self.log_variances.clamp_(-self.limit, self.limit)
        self.errors(told)
        return self.current()

    def penalty(self, told: Tensor) -> Tensor:
        """Half the log variances, with all of their gradient."""
        errors = told - self.best.to(told.device)
        slopes = torch.where(errors.isfinite(), 0.5 - self.current() * errors, 0)
        slopes = slopes.clamp(torch.finfo(slopes.dtype).min, torch.finfo(slopes.dtype).max)
        log_variances = self.log_variances.to(slopes.dtype)
        fixed = log_variances.detach().clamp(-self.limit, self.limit)
        return (fixed / 2 + slopes * (log_variances - log_variances.detach())).sum()
