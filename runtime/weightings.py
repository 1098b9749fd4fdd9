"""The named weightings of several terms: what the language and the compiler need to know of them.

Every class has the same face:

- ``Class(count, *, names=(), gathered=False, **options)``: for ``count`` terms. ``names`` are for
  messages. ``gathered`` says that the tensors of ``shared`` hold the batch of all processes
  already, as those of a loss with ``gather="batch"`` do.
- ``forward(values, shared=None)``: ``values`` is ``[t]``, ``shared`` the tensors at which gradients
  are measured (``None``: nothing can be measured, as under ``no_grad``). The result is a scalar,
  whose gradient is the weighted sum of the gradients of the terms.
- ``weights``: ``[t]``, detached: those of the last call in training mode.
- In ``eval()``, under ``no_grad`` and with values that have no gradient nothing changes: the
  weights are those that training has led to.

Those with ``told_epochs`` have ``set_epoch(epoch)`` as well, which the loss passes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class WeightingOption:
    """An option of a weighting.

    Args:
        default: What it is unless said; its type is the option's: int, float or str.
        doc: What it does, in a line.
        low: The smallest value, for numbers.
        high: The largest.
        closed: Whether ``low`` and ``high`` themselves are allowed.
        choices: All values, for words.
    """

    default: int | float | str
    doc: str
    low: float = -inf
    high: float = inf
    closed: tuple[bool, bool] = (True, True)
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightingEntry:
    """A weighting.

    Args:
        class_name: Of the class in ``runtime/``.
        module: The file of it, without ``.py``.
        doc: What it does, in a line.
        options: By name; all are keywords of the class.
        needs_gradients: Whether it measures gradients at ``shared``.
        told_epochs: Whether it has ``set_epoch``.
        learns: Whether it has parameters, which the optimiser must be given.
    """

    class_name: str
    module: str
    doc: str
    options: dict[str, WeightingOption]
    needs_gradients: bool = False
    told_epochs: bool = False
    learns: bool = False


WEIGHTINGS: dict[str, WeightingEntry] = {
    "constant": WeightingEntry(
        "ConstantWeighting",
        "weighting_constant",
        "the same weight for each term",
        {"weight": WeightingOption(1.0, "the weight", 0.0, inf, (True, False))},
    ),
    "uncertainty": WeightingEntry(
        "UncertaintyWeighting",
        "weighting_uncertainty",
        "learnt variances: exp(-s) L / 2 + s / 2",
        {
            "likelihood": WeightingOption(
                "regression",
                "what the terms are: exp(-s) L / 2, or exp(-s) L",
                choices=("regression", "classification"),
            ),
            "initial": WeightingOption(0.0, "log variance s to start from", -10.0, 10.0),
            "limit": WeightingOption(
                10.0, "s stays between -limit and limit", 0.0, 60.0, (False, True)
            ),
        },
        learns=True,
    ),
    "gradnorm": WeightingEntry(
        "GradNormWeighting",
        "weighting_gradnorm",
        "gradient norms follow how slowly each term learns",
        {
            "alpha": WeightingOption(
                1.5, "how much more a slow term gets; 0: equal norms", 0.0, 10.0
            ),
            "learning_rate": WeightingOption(
                0.025, "of the weights' own steps", 0.0, 1.0, (False, True)
            ),
        },
        needs_gradients=True,
    ),
    "dynamic_task_priority": WeightingEntry(
        "TaskPriorityWeighting",
        "weighting_priority",
        "more for the terms that are furthest from done",
        {
            "alpha": WeightingOption(
                0.1, "share of the new indicator in the running one", 0.0, 1.0, (False, True)
            ),
            "gamma": WeightingOption(1.0, "how much less what is nearly done gets", 0.0, 10.0),
            "least": WeightingOption(
                0.01, "lower indicators count as this one", 0.0, 1.0, (False, False)
            ),
        },
    ),
    "block_normalized": WeightingEntry(
        "BlockNormalizedWeighting",
        "weighting_normalized",
        "each term's gradient has norm 1 at the shared tensors",
        {},
        needs_gradients=True,
    ),
    "dynamic_weight_average": WeightingEntry(
        "WeightAverageWeighting",
        "weighting_average",
        "more for the terms that fell least from one epoch to the next",
        {
            "temperature": WeightingOption(
                2.0, "the higher, the more equal the weights", 0.0, inf, (False, False)
            ),
        },
        told_epochs=True,
    ),
}
