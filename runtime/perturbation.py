"""The black-box baseline: noise on the scores, the metric as it is, an unbiased gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lossc.runtime.counter import normal_numbers
from lossc.runtime.elements import attach_slopes


def perturbed_metric(
    outcome: Callable[[tuple[Tensor, ...]], Tensor],
    scores: tuple[Tensor, ...],
    seed: Tensor,
    step: Tensor,
    samples: int = 16,
    noise: float = 1.0,
) -> Tensor:
    r"""The mean of the metric at scores with Gaussian noise on them, and its gradient.

    .. math:: \nabla_s E[g(s + \sigma z)] = E[g(s + \sigma z) z] / \sigma

    Noise is drawn in pairs z and -z. Nothing of the metric is relaxed, so it serves any metric; the
    variance of the gradient grows with the number of scores.

    Source: Williams 1992; Berthet et al. 2020 for perturbed optimisers in general.

    Args:
        outcome: The metric of scores, a scalar.
        scores: The live inputs.
        seed: Scalar int64.
        step: Scalar int64; other noise is drawn in every step.
        samples: How many; an odd number is rounded up.
        noise: Its standard deviation, in the units of the scores.
    """
    with torch.no_grad():
        slopes = [torch.zeros_like(one) for one in scores]
        total = torch.zeros((), dtype=scores[0].dtype, device=scores[0].device)
        size = sum(one.numel() for one in scores)
        pairs = (samples + 1) // 2
        drawn = normal_numbers(seed, step, pairs * size).reshape((pairs, size))
        for pair in drawn.to(total.dtype):
            parts = [
                part.reshape(one.shape)
                for part, one in zip(
                    torch.split(pair, [one.numel() for one in scores]), scores, strict=True
                )
            ]
            there, back = (
                outcome(tuple(one + sign * part for one, part in zip(scores, parts, strict=True)))
                for sign in (noise, -noise)
            )
            total = total + (there + back) / (2 * pairs)
            gain = (there - back) / (2 * pairs * noise)
            slopes = [slope + gain * part for slope, part in zip(slopes, parts, strict=True)]
    return attach_slopes(scores, total, *slopes)
