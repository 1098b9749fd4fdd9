"""The plain reference of the interpolation: slow, obvious, what the fast path is tested against."""

from __future__ import annotations

import torch
from torch import Tensor


def idw(u: Tensor, configurations: Tensor, values: Tensor, power: float = 1.0) -> Tensor:
    r"""Inverse distance weighting of known metric values.

    .. math::

        \tilde g(u) = \sum_k \frac{g_k}{d_k^p} / \sum_k \frac{1}{d_k^p},
        \quad d_k = \lVert u - a_k \rVert

    At an anchor (d_k = 0) it is the value there, and its gradient is 0, so it is finite.

    Source: UniLoss (Liu, Wang, Deng 2020), eq. 10, both cases; Shepard 1968 for the power.

    Args:
        u: ``[l]``, relaxed binaries in [0, 1].
        configurations: ``[t, l]``, anchors, each bit 0 or 1.
        values: ``[t]``, the metric at each anchor.
        power: Shepard's power p; 1 in the paper.

    Returns:
        A scalar, differentiable in ``u``.
    """
    squared = (u - configurations).square().sum(-1)
    here = squared == 0
    distance = torch.where(here, 1.0, squared).sqrt()
    weights = distance**-power
    interpolated = (weights * values).sum() / weights.sum()
    known = torch.where(here, values, 0.0).sum() / here.sum().clamp_min(1)
    return torch.where(here.any(), known, interpolated)


def idw_gradient(
    u: Tensor, configurations: Tensor, values: Tensor, rule: str = "exact", power: float = 1.0
) -> Tensor:
    r"""The direction that a gradient rule gives, written out: ``[l]``.

    .. math:: \sum_k a_k \frac{\partial w_k}{\partial u}, \quad w_k = d_k^{-p}

    with ``a_k = (g_k - e) / W`` (exact: the derivative of eq. 10), ``max(g_k - e, 0) / W``
    (improving), ``(g_k + e) / W`` (published: what the code of UniLoss's authors computes) or
    ``g_k / W`` (attract). The last three are the gradient of no function.

    Args:
        u: ``[l]``, relaxed binaries.
        configurations: ``[t, l]``.
        values: ``[t]``.
        rule: ``exact``, ``improving``, ``published`` or ``attract``.
        power: Shepard's power p.
    """
    difference = u - configurations
    distance = difference.square().sum(-1).sqrt()
    if (distance == 0).any():
        return torch.zeros_like(u)
    weights = distance**-power
    total = weights.sum()
    value = (weights * values).sum() / total
    factors = {
        "exact": values - value,
        "improving": (values - value).clamp_min(0),
        "published": values + value,
        "attract": values,
    }
    slopes = -power * distance ** (-power - 2)
    return ((factors[rule] / total * slopes).unsqueeze(-1) * difference).sum(0)
