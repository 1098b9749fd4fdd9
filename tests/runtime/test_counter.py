"""Counter-based random numbers: uniform, and the same however many are asked for."""

from __future__ import annotations

import torch

from lossc.runtime.counter import count_ones, random_below, random_words


def words(seed, step, count):
    return random_words(torch.tensor(seed), torch.tensor(step), count)


def test_words_are_32_bit_and_prefixes_agree():
    some, more = words(3, 5, 100), words(3, 5, 1000)
    assert (some == more[:100]).all()
    assert more.min() >= 0
    assert more.max() < 2**32


def test_every_bit_is_fair_and_steps_are_uncorrelated():
    first, second = words(0, 0, 40_000), words(0, 1, 40_000)
    for bit in range(32):
        share = ((first >> bit) & 1).double().mean()
        assert abs(share - 0.5) < 0.015  # six standard deviations
        both = (((first ^ second) >> bit) & 1).double().mean()
        assert abs(both - 0.5) < 0.015


def test_negative_and_large_seeds_are_seeds_like_others():
    drawn = {words(seed, 0, 1).item() for seed in (-1, 0, 1, 2**40, 2**62)}
    assert len(drawn) == 5


def test_numbers_below_a_bound_are_uniform():
    drawn = random_below(words(1, 1, 60_000), torch.tensor(6))
    counts = torch.bincount(drawn, minlength=6)
    assert counts.shape == (6,)
    assert (counts - 10_000).abs().max() < 600


def test_ones_are_counted_as_python_counts_them():
    numbers = words(9, 9, 500)
    assert count_ones(numbers).tolist() == [number.bit_count() for number in numbers.tolist()]
