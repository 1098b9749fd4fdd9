"""Ranks, running sums and extremes against loops, with ties, filters and nothing at all."""

from __future__ import annotations

import itertools

import pytest
import torch

from lossc.runtime.ordering import (
    first_largest,
    item_at,
    ranks,
    running_at,
    running_largest,
    running_smallest,
    running_sum,
)

NAN = float("nan")


def draws(seed=0, count=40):
    """Tied values and filters of two rows, from no item to six."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        shape = (2, number % 7)
        values = torch.randint(-2, 3, shape, generator=generator).double() / 2
        yield values, torch.rand(shape, generator=generator) < 0.6


def test_ranks_count_the_selected_items_that_beat_an_item():
    for values, where in draws():
        for mask in (None, where, where[0]):
            chosen = torch.ones_like(where) if mask is None else mask.expand_as(where)
            got = ranks(values, mask)
            assert got.shape == values.shape
            for row, i in itertools.product(range(2), range(values.shape[1])):
                x = values[row].tolist()
                ahead = sum(
                    bool(chosen[row, j]) and (x[j] > x[i] or (x[j] == x[i] and j < i))
                    for j in range(len(x))
                )
                assert got[row, i] == 1 + ahead


def test_an_undefined_value_neither_beats_nor_is_beaten():
    values = torch.tensor([1.0, NAN, 3.0, 2.0])
    assert ranks(values, None).tolist() == [3, 1, 1, 2]
    assert ranks(values, torch.tensor([True, True, False, True])).tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_running_reductions_are_those_of_every_part(backward, strict):
    for values, where in draws(1):
        n = values.shape[1]
        for mask in (None, where):
            total = running_sum(values, mask, backward, strict)
            most = running_largest(values, mask, backward, strict)
            least = running_smallest(values, mask, backward, strict)
            counted = running_sum(where, None, backward, strict)
            assert total.shape == most.shape == least.shape == counted.shape == values.shape
            for row, i in itertools.product(range(2), range(n)):
                part = range(i + strict, n) if backward else range(i + 1 - strict)
                inside = [j for j in part if mask is None or mask[row, j]]
                chosen = values[row, inside]
                assert total[row, i] == chosen.sum()
                assert counted[row, i] == where[row, list(part)].sum()
                if inside:
                    assert most[row, i] == chosen.max()
                    assert least[row, i] == chosen.min()
                else:
                    assert most[row, i].isnan()
                    assert least[row, i].isnan()


@pytest.mark.parametrize("backward", [False, True])
def test_a_running_value_is_read_at_any_place(backward):
    for values, _ in draws(2):
        n = values.shape[1]
        places = torch.arange(-2, n + 2)
        total = running_sum(values, None, backward).unsqueeze(-2)
        got = running_at(total, places, 0, backward)
        for row, k in itertools.product(range(2), range(len(places))):
            k_place = int(places[k])
            part = range(max(k_place, 0), n) if backward else range(min(k_place + 1, n))
            assert got[row, k] == values[row, list(part)].sum()


def test_the_running_value_of_nothing_is_what_is_said():
    most = running_largest(torch.zeros(3, 0))
    assert running_at(most, torch.tensor([0, 1, 2]), NAN).isnan().all()
    assert running_at(running_sum(torch.ones(2)), -1, 0) == 0
    assert running_at(running_sum(torch.ones(2), backward=True), 5, 0, backward=True) == 0


def test_gradients_reach_the_selected_items_only():
    values = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64, requires_grad=True)
    where = torch.tensor([True, False, True])
    (total,) = torch.autograd.grad(running_sum(values, where)[-1], values)
    assert total.tolist() == [1, 0, 1]
    (most,) = torch.autograd.grad(running_largest(values, where, backward=True)[0], values)
    assert most.tolist() == [0, 0, 1]
    (nothing,) = torch.autograd.grad(running_sum(values, strict=True)[0], values)
    assert nothing.tolist() == [0, 0, 0]


def test_a_place_outside_reads_the_nearest_item():
    values = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert item_at(values, torch.tensor([-1, 9])).tolist() == [1, 6]
    assert item_at(values.unsqueeze(-2), torch.tensor([[0, 2], [1, 1]])).tolist() == [
        [1, 3],
        [5, 5],
    ]
    assert item_at(torch.zeros(2, 0), 0).tolist() == [0, 0]


def test_the_first_of_the_largest_selected_values():
    values = torch.tensor([[1.0, 3.0, 3.0], [5.0, 4.0, 4.0]])
    where = torch.tensor([[True, True, True], [False, True, True]])
    assert first_largest(values, where, (-1,)).tolist() == [1, 1]
    assert first_largest(values, where, (-2, -1)) == 4
    assert first_largest(values, torch.zeros(1).bool(), (-1,)).isnan().all()
    assert first_largest(torch.zeros(2, 0), torch.zeros(2, 0).bool(), (-1,)).isnan().all()
    lowest = torch.tensor([2.0, -torch.inf])
    assert first_largest(lowest, torch.tensor([False, True]), (-1,)) == 1
