"""Random choices, and the lines of a spec that are collected while its goal is being drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


class Draws:
    """The random choices of one seed."""

    def __init__(self, random: Random):
        self.random = random

    def pick(self, *options: str) -> str:
        return options[self.random.randrange(len(options))]

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def whole(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def some(self, *options: str) -> list[str]:
        """Each option or not, in order."""
        return [option for option in options if self.chance(50)]


LETTERS = ("i", "j", "k", "l", "q", "r", "s", "u", "v", "a", "b", "d", "e", "g", "o", "z")


@dataclass
class Lines:
    """The statements of a spec in the making.

    Args:
        inputs: By name.
        params: By name.
        definitions: In the order in which they were drawn.
        truth: The ideal scores.
        needs_truth: Whether the best configuration cannot be derived without them.
    """

    inputs: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    truth: list[str] = field(default_factory=list)
    needs_truth: bool = False
    names: int = 0

    def name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def text(self, goal: str, more: list[str]) -> str:
        lines = ["spec generated", *more]
        lines += [f"input {name}: {kind}" for name, kind in self.inputs.items()]
        lines += [f"param {name} = {value}" for name, value in self.params.items()]
        return "\n".join([*lines, *self.definitions, goal, *self.truth]) + "\n"


def joined(*conditions: str) -> str:
    """``a and b``, bracketed; empty for none."""
    return " and ".join(f"({condition})" for condition in conditions if condition)


def binding(indices: list[str], *conditions: str) -> str:
    """``[i, j | a and b]``."""
    where = joined(*conditions)
    return f"[{', '.join(indices)}{' | ' + where if where else ''}]"
