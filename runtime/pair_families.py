"""Families of pairs of items, and how their comparisons are relaxed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.pairs import Pairs


class PairFamily(NamedTuple):
    """All comparisons of one decision between left and right items.

    Args:
        pairs: Which items are compared with which.
        rows: Whose counts the metric takes: those of the ``left`` or of the ``right`` items, or
            the ``total``.
        shape: The shape of these counts; the items of ``pairs`` stand in one axis.
        both_ways: Whether it takes those of the items on the other side as well.
    """

    pairs: Pairs
    rows: str
    shape: tuple[int, ...]
    both_ways: bool = False


class RelaxedPairs(NamedTuple):
    """How the comparisons of a family of pairs are relaxed.

    Args:
        relax: The step relaxation, such as ``sigmoid_step``.
        powers: ``powers(name, double)`` gives it as a sum of exponentials; ``None``: it is none.
        temperature: Positive; in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """

    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]]
    powers: Callable[[str, bool], tuple[float, ...]] | None
    temperature: Tensor | float
    squash: str


def squashed_pairs(pairs: Pairs, squash: str) -> Pairs:
    """The pairs with scores as they are compared."""
    if squash == "sigmoid":
        pairs = pairs._replace(left=pairs.left.sigmoid(), right=pairs.right.sigmoid())
    left, right = pairs.left_group, pairs.right_group
    readable = not torch.compiler.is_compiling() and pairs.left.device.type == "cpu"
    if not readable or left is None or right is None or not left.numel() or not right.numel():
        return pairs
    first = left.reshape(-1)[:1]
    if bool((left == first).all()) and (right is left or bool((right == first).all())):
        return pairs._replace(left_group=None, right_group=None)  # all of one group
    return pairs


def many_pairs(families: tuple[PairFamily, ...], limit: int = 2**18) -> bool:
    """Whether sorting the pairs is faster than writing them out; see benchmarks/crossover.py."""
    places = 0
    for family in families:
        places += family.pairs.left.numel() * family.pairs.right.shape[-1]
    return places > limit
