"""Step relaxations: smooth stand-ins for [c > 0], by what the interpolation needs of them."""

from __future__ import annotations

from torch import Tensor


def sigmoid_tail(margin: Tensor, temperature: float) -> Tensor:
    """How far the relaxed binary is from the bit that it relaxes, at most 1/2.

    It is ``sigma(-|c| / temperature)``, computed without a subtraction, so that it is exact for
    large margins.

    Args:
        margin: ``|c|``, not negative, any shape.
        temperature: Positive; in the units of the scores.
    """
    return (margin * (-1 / temperature)).sigmoid()


def sigmoid_slope(tail: Tensor, temperature: float) -> Tensor:
    """The derivative of the relaxed binary by the comparison: ``u (1 - u) / temperature``."""
    return (tail - tail * tail) * (1 / temperature)
