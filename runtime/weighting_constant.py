"""Terms weighed alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lossc.runtime.checks import check_number
from lossc.runtime.weighting import TermWeighting


class ConstantWeighting(TermWeighting):
    r""":math:`\sum_i w L_i`: the same weight for each term.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting; nothing depends on it.
        weight: The weight.
    """

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        weight: float = 1.0,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("weight", weight, 0.0, math.inf, True, False)
        self.weights.fill_(weight)
