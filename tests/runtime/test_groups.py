"""Sums and counts within groups against comparisons of every item with every other."""

from __future__ import annotations

import pytest
import torch

from lossc.runtime.groups import (
    ahead_in_group,
    group_numbers,
    larger_in_group,
    smaller_in_group,
    sums_in_groups,
)
from lossc.runtime.ordering import first_occurrence


def drawn(seed, n):
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randint(-3, 4, (n,), generator=generator) * 10**12
    if seed % 3 == 0:
        keys = torch.full((n,), 7)
    values = torch.randint(-4, 5, (n,), generator=generator).double() / 2
    where = torch.rand(n, generator=generator) < 0.6
    return keys, values, where


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("seed", range(6))
def test_every_count_is_that_of_all_comparisons(seed, n):
    keys, values, where = drawn(seed, n)
    numbers, same = group_numbers(keys), keys == keys.unsqueeze(-1)
    mine, theirs = values.unsqueeze(-1), values
    earlier = torch.arange(n) < torch.arange(n).unsqueeze(-1)
    for chosen in (None, where):
        among = same if chosen is None else same & chosen
        larger, smaller = among & (theirs > mine), among & (theirs < mine)
        ahead = larger | (among & (theirs == mine) & earlier)
        assert torch.equal(larger_in_group(values, numbers, chosen), larger.sum(-1))
        assert torch.equal(smaller_in_group(values, numbers, chosen), smaller.sum(-1))
        assert torch.equal(ahead_in_group(values, numbers, chosen), ahead.sum(-1))
    assert torch.equal(sums_in_groups(values, numbers), (same * values).sum(-1))
    assert torch.equal(sums_in_groups(where, numbers), (same & where).sum(-1))
    stacked = torch.stack([values, values**2])
    expected = torch.stack([(same * row).sum(-1) for row in stacked])
    assert torch.equal(sums_in_groups(stacked, numbers), expected)


@pytest.mark.parametrize("seed", range(4))
def test_numbers_follow_the_keys(seed):
    keys, _, _ = drawn(seed, 30)
    _, expected = keys.unique(return_inverse=True)
    assert torch.equal(group_numbers(keys), expected)
    firsts = [bool((keys[:place] != key).all()) for place, key in enumerate(keys)]
    assert first_occurrence(keys).tolist() == firsts


def test_sums_have_a_gradient():
    keys, values, _ = drawn(1, 12)
    numbers = group_numbers(keys)
    values.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sums_in_groups(x, numbers) ** 2, (values,))
