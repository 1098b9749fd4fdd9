"""Elementwise functions of the language, one line each.

Adding one is a line here and its torch code in ``emit/elementwise.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Function:
    """What a function takes and gives.

    Args:
        least: Fewest arguments.
        most: Most arguments.
        result: ``real``, ``int``, ``bool``, or ``same`` as its arguments.
        discrete: Piecewise constant in a live argument, so that it must be refactored.
        meaning: One line for the reference.
    """

    least: int
    most: int
    result: Literal["real", "int", "bool", "same"]
    discrete: bool
    meaning: str


FUNCTIONS: dict[str, Function] = {
    "abs": Function(1, 1, "same", False, "absolute value"),
    "ceil": Function(1, 1, "int", True, "smallest integer not below"),
    "cos": Function(1, 1, "real", False, "cosine, radians"),
    "detach": Function(1, 1, "same", False, "the value, without gradient"),
    "distance": Function(2, 2, "real", False, "Euclidean distance of two points"),
    "exp": Function(1, 1, "real", False, "exponential"),
    "floor": Function(1, 1, "int", True, "largest integer not above"),
    "log": Function(1, 1, "real", False, "natural logarithm"),
    "log2": Function(1, 1, "real", False, "binary logarithm"),
    "max": Function(2, 2, "same", False, "the larger of two numbers"),
    "min": Function(2, 2, "same", False, "the smaller of two numbers"),
    "relu": Function(1, 1, "same", False, "the positive part"),
    "round": Function(1, 1, "int", True, "nearest integer, halves to even"),
    "sigmoid": Function(1, 1, "real", False, "1 / (1 + exp(-x))"),
    "sign": Function(1, 1, "int", True, "-1, 0 or 1"),
    "sin": Function(1, 1, "real", False, "sine, radians"),
    "softplus": Function(1, 1, "real", False, "log(1 + exp(x))"),
    "sqrt": Function(1, 1, "real", False, "square root"),
    "tanh": Function(1, 1, "real", False, "hyperbolic tangent"),
    "valid": Function(1, 1, "bool", False, "whether an int is not its declared ignore value"),
    "where": Function(
        3, 3, "same", False, "the second argument where the condition holds, else the third"
    ),
}

#: Functions of a prediction and a target as wholes: ``pairs.py`` has what each of them means.
WHOLE_ARRAYS = (
    "euclidean",
    "sum_squared_error",
    "mean_squared_error",
    "sum_absolute_error",
    "mean_absolute_error",
    "smooth_l1",
    "kl_divergence",
    "js_divergence",
    "adaptive",
)

OPERATIONS = [
    "sum",
    "mean",
    "prod",
    "min",
    "max",
    "argmax",
    "argmin",
    "any",
    "all",
    "logsumexp",
    "count",
    "sort",
    "rank",
    "cumsum",
    "softargmax",
    "centroid",
]
