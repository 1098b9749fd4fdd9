"""Terms whose gradients are brought to one length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lossc.runtime.weighting import TermWeighting
from lossc.runtime.weighting_gradients import term_gradient_norms


class BlockNormalizedWeighting(TermWeighting):
    r""":math:`\sum_i L_i / \lVert g_i \rVert`, with :math:`g_i` the gradient of term i.

    The norm is taken over all shared tensors together, and is a number without gradient: the
    gradient of the sum at the shared tensors is the sum of one unit vector for each term. A term
    without gradient, or with one that is not finite, has the weight 0.

    There is no state but the weights of the last call, which ``eval()`` goes on with.

    Source: Yu et al. 2017 (block-normalised gradients), with the gradient of a term as a block in
    place of that of a layer.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: Whether the shared tensors hold the batch of all processes already.
    """

    def __init__(self, count: int, *, names: Sequence[str] = (), gathered: bool = False) -> None:
        super().__init__(count, names, gathered)

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """The weights of this step."""
        norms = term_gradient_norms(values, shared, self.gathered)
        usable = (norms > 0) & norms.isfinite()
        inverse = (1 / norms).clamp(max=torch.finfo(norms.dtype).max)
        return torch.where(usable, inverse, 0)
