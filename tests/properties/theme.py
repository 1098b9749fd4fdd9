"""What generated metrics are about: inputs, and decisions that a perfect network gets right.

Every theme gives units. A unit is a condition over some indices, under filters that do not depend
on scores, which holds everywhere where the scores are ideal. Whatever rises with every unit is then
best at the ideal scores, so that its ``truth`` is known by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.properties.drawing import Draws, Lines


@dataclass(frozen=True)
class Unit:
    """A decision for each value of ``indices`` where all of ``filters`` hold.

    Args:
        indices: Names of the indices, the outermost first.
        filters: Conditions without live parts, each with the indices that occur in it.
        good: The condition that the ideal scores meet.
        rewards: A larger number for a better decision instead of the condition; else empty.
    """

    indices: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]
    good: str
    rewards: str = ""


class Theme:
    """Inputs, and units over them."""

    truth: tuple[str, ...] = ()
    dims: ClassVar[dict[str, str]] = {
        "i": "n",
        "j": "n",
        "c": "p",
    }  # what the indices of units range over

    def __init__(self, draws: Draws, lines: Lines):
        self.draws, self.lines = draws, lines
        self.declare()

    def declare(self) -> None:
        raise NotImplementedError

    def unit(self) -> Unit:
        raise NotImplementedError

    # ------------------------------------------------------------------ shared pieces

    def threshold(self) -> str:
        """A number from -2 to 2."""
        if self.draws.chance(40):
            self.lines.params.setdefault("t", "0.5" + self.draws.pick("", " in [-1, 1]"))
            return "t"
        return self.draws.pick("0", "0.5", "-1.5", "2", "1 / 3", "-(1 / 2)", "0.1 * (1 + n % 3)")

    def place(self) -> str:
        """A whole number from 1."""
        if self.draws.chance(40):
            self.lines.params.setdefault("k", "2 in [1, inf)")
            return "k"
        return self.draws.pick("1", "2", "3", "(n + 1) // 2", "max(1, n // 3)", "min(3, n)")

    def weight(self, indices: tuple[str, ...]) -> str:
        """A number that is never negative, without live parts."""
        plain = ["2", "0.5", "(1 / 3)", "(1 + n)", "log2(1 + n)", "exp(-1)", "max(2, n)", "n^2"]
        plain += [
            "beta",
            "sqrt(beta)",
            "beta^2",
            "(sum[m in 1..3] 1 / m)",
            "(n // 2)",
            "abs(-beta)",
        ]
        for index in indices:
            plain += [f"(1 + {index})", f"where({index} % 2 == 0, 1, 2)", f"1 / log2(2 + {index})"]
            plain += self.weights_of(index)
        return self.with_param(self.draws.pick(*plain))

    def with_param(self, text: str) -> str:
        """The text; the param `beta` is declared if it is in there."""
        if "beta" in text:
            self.lines.params.setdefault("beta", "1.5 in (0, inf)")
        return text

    def weights_of(self, index: str) -> list[str]:
        """Weights that are given for each value of an index."""
        return []

    def filter(self, indices: tuple[str, ...]) -> str:
        """A condition without live parts, or nothing."""
        if self.draws.chance(65):
            return ""
        plain = ["n > 1"]
        for index in indices:
            if " " in index:
                continue  # it stands for a value, not a place
            plain += [f"{index} > 0", f"{index} % 2 == 0 or {index} == 1", f"not {index} == 3"]
            plain += self.filters_of(index)
        return self.draws.pick(*plain)

    def filters_of(self, index: str) -> list[str]:
        return []

    def above(self, left: str, right: str) -> str:
        """``left > right`` in one of the ways to write it."""
        return self.draws.pick(
            f"{left} > {right}",
            f"{right} < {left}",
            f"{left} >= {right}",
            f"not {left} <= {right}",
            f"not ({left} < {right})",
            f"{left} - {right} > 0",
            f"2 * {left} + 1 > 1 + 2 * {right}",
            f"[{left} > {right}] == 1",
        )
