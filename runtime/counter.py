"""Random numbers as a function of (seed, step, position): no state, no waiting, compilable."""

from __future__ import annotations

import torch
from torch import Tensor


def scramble(number: Tensor) -> Tensor:
    """A 32-bit mixing function on int64 tensors that hold 32-bit values.

    Both multipliers are below 2^31, so no product leaves the range of int64.
    """
    number = ((number ^ (number >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    number = ((number ^ (number >> 15)) * 0x31848BAB) & 0xFFFFFFFF
    return number ^ (number >> 16)


def random_words(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """Uniform 32-bit words, as int64: ``[count]``.

    Args:
        seed: Scalar int64.
        step: Scalar int64; another step gives other words.
        count: How many; the first ones do not depend on it.
    """
    key = scramble((seed + (seed >> 32) * 0x7FEB352D + step * 0x9E3779B1) & 0xFFFFFFFF)
    return scramble(torch.arange(count, device=seed.device) ^ key)


def uniform_numbers(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """Uniform numbers in (0, 1), float64: ``[count]``."""
    return (random_words(seed, step, count).double() + 0.5) / 2**32


def normal_numbers(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """Standard normal numbers, float64: ``[count]``. Source: Box and Muller 1958."""
    uniform = uniform_numbers(seed, step, 2 * count)
    radius = (-2 * uniform[:count].log()).sqrt()
    return radius * (2 * torch.pi * uniform[count:]).cos()


def random_below(words: Tensor, bound: Tensor) -> Tensor:
    """Whole numbers in ``[0, bound)`` from 32-bit words; 0 where the bound is 0."""
    return (words * bound) >> 32


def count_ones(words: Tensor) -> Tensor:
    """The number of ones in each 32-bit word (int64)."""
    words = words - ((words >> 1) & 0x55555555)
    words = (words & 0x33333333) + ((words >> 2) & 0x33333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F
    return ((words * 0x01010101) & 0xFFFFFFFF) >> 24
