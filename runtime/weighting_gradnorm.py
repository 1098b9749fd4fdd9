"""Weights learnt so that the gradient norms of terms follow how slowly they learn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lossc.runtime.checks import check_number
from lossc.runtime.weighting import ErrorWeighting
from lossc.runtime.weighting_gradients import term_gradient_norms


class GradNormWeighting(ErrorWeighting):
    r"""GradNorm: :math:`\sum_i w_i L_i`, with weights that sum to T and have steps of their own.

    With :math:`G_i = w_i \lVert g_i \rVert` at the shared tensors, the mean :math:`\bar G` of
    them, and :math:`r_i` the ratio of term i to its first value over the mean of these ratios, the
    weights descend on

    .. math:: \sum_i \lvert G_i - \bar G r_i^\alpha \rvert

    where the targets are constant. Each training call takes one step, for the next call:
    :math:`w_i \leftarrow w_i \exp(-\eta \, \mathrm{sign}(G_i - \bar G r_i^\alpha) G_i / \bar G)`,
    then all are scaled to sum to T. That is a step of gradient descent on :math:`\log w_i`, on the
    sum above in units of :math:`\bar G`. The paper descends on :math:`w_i` itself, where a
    step may make a weight negative, and its size depends on the scale of the losses.

    A call with a value or a gradient that is not finite, and one without any gradient, leaves the
    weights as they are. The ratios are those of errors, see :class:`ErrorWeighting`.

    Source: Chen et al. 2018, equations 1 and 2, algorithm 1.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: Whether the shared tensors hold the batch of all processes already.
        alpha: How much more a slow term gets; 0: all gradients have equal norms.
        learning_rate: Of the weights.
    """

    learned: Tensor

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("alpha", alpha, 0.0, 10.0, True, True)
        check_number("learning_rate", learning_rate, 0.0, 1.0, False, True)
        self.alpha, self.learning_rate = alpha, learning_rate
        self.register_buffer("learned", torch.ones(count))

    def current(self) -> Tensor:
        """The weights of the next call."""
        return self.learned.clone()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """The weights of this step; those of the next are learnt from it."""
        weights = self.current()
        ratios = self.ratios(self.errors(told))
        mean_ratio = ratios.mean()
        rates = torch.where(mean_ratio > 0, ratios / mean_ratio, 1)
        sizes = weights * term_gradient_norms(values, shared, self.gathered).to(weights.dtype)
        mean = sizes.mean()
        steps = (sizes - mean * rates**self.alpha).sign() * sizes / mean
        tiny = torch.finfo(weights.dtype).tiny
        moved = (weights * (-self.learning_rate * steps).exp()).clamp_min(tiny)
        moved = moved * (self.count / moved.sum())
        sound = moved.isfinite().all() & told.isfinite().all() & (mean > 0)
        self.learned.copy_(torch.where(sound, moved, self.learned))
        return weights
