"""The metric's expectation when every binary is drawn by itself: by sampling, where need be."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lossc.runtime.anchors import dense_row_counts
from lossc.runtime.between import attach_gradient
from lossc.runtime.checks import check_places
from lossc.runtime.counter import uniform_numbers
from lossc.runtime.families import Family, binaries_of, compared


def expected_by_sampling(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    seed: Tensor,
    step: Tensor,
    temperature: Tensor | float = 1.0,
    squash: str = "none",
    samples: int = 16,
) -> Tensor:
    r"""The mean of the metric over sampled configurations, with an unbiased gradient.

    Each binary is 1 with its relaxed binary u as the probability. The gradient is that of the
    logarithm of the probability, weighed by the metric:

    .. math:: \frac{1}{n} \sum_k (g_k - b_k) \frac{a_k - u}{u (1 - u)} \frac{du}{dc}

    Samples come in antithetic pairs (random numbers r and 1 - r), and the baseline b of a pair is
    the mean of the others, which keeps it unbiased.

    Source: Williams 1992 for the estimator; Kool, van Hoof, Welling 2019 for the baseline.

    Args:
        families: The comparisons.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relax: The step relaxation, such as ``sigmoid_step``.
        seed: Scalar int64.
        step: Scalar int64; other configurations are drawn in every step.
        temperature: Of the step, in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
        samples: How many; an odd number is rounded up.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.

    Raises:
        ValueError: So many bits would fill the memory.
    """
    comparisons = torch.cat([compared(family, squash).reshape(-1) for family in families])
    pairs, places = (samples + 1) // 2, comparisons.shape[0]
    check_places(2 * pairs, places)
    with torch.no_grad():
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        now = torch.cat([binaries_of(family).reshape(-1) for family in families])
        tail, slope = relax(comparisons.detach().abs(), temperature)
        relaxed = torch.where(now, 1 - tail, tail)
        numbers = uniform_numbers(seed, step, pairs * places).reshape((pairs, places))
        numbers = numbers.to(relaxed.dtype)
        drawn = torch.cat([numbers < relaxed, 1 - numbers < relaxed]) & stored
    metrics = metric(dense_row_counts(families, drawn)).to(relaxed.dtype)
    value = metrics.mean()
    with torch.no_grad():
        of_pairs = metrics.reshape((2, pairs)).mean(0)
        others = (of_pairs.sum() - of_pairs) / max(pairs - 1, 1)
        gain = (metrics.reshape((2, pairs)) - others).reshape(-1) / (2 * pairs)
        spread = tail * (1 - tail)
        per_bit = torch.where(stored & (spread > 0), slope / spread, 0)
        along = (gain @ drawn.to(gain.dtype) - gain.sum() * relaxed) * per_bit
    return attach_gradient(comparisons, value.detach(), along) + (value - value.detach())
