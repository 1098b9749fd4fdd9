"""Counts beside limits, minima and winners, relaxed: against formulas, limits and differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from lossc.runtime.families import Family
from lossc.runtime.relaxations import laplace_step, sigmoid_step, straight_through_step
from lossc.runtime.relaxed_rows import (
    capped,
    log_product_of_rows,
    product_of_rows,
    read_both_ways,
    relaxed_family,
    risen,
    risen_by_ratio,
)

STEPS = [sigmoid_step, laplace_step, straight_through_step]


def slopes(function, at, width=1e-6):
    """The gradient of the sum, and central differences."""
    leaf = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return found, (function(at + width) - function(at - width)) / (2 * width)


@pytest.mark.parametrize("k", [1, 10, 300])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_a_rank_among_the_first(k, temperature):
    rank = torch.tensor([1.0, 2.0, 9.5, 10.5, 11.0, 5e2, 5e5], dtype=torch.float64)
    rank = rank[rank > (k + 0.5) / 8]
    found = risen_by_ratio(k - rank + 0.5, k + 0.5, False, sigmoid_step, temperature)
    assert_close(found, 1 / (1 + (rank / (k + 0.5)) ** (2 / temperature)))
    # and a count that must reach a limit, by the same formula the other way
    found = risen_by_ratio(rank - k - 0.5, k + 0.5, True, sigmoid_step, temperature)
    assert_close(found, 1 / (1 + ((k + 0.5) / rank) ** (2 / temperature)))


@pytest.mark.parametrize("upwards", [False, True])
@pytest.mark.parametrize("step", STEPS[:2])
def test_slopes_of_ranks_are_differences(step, upwards):
    count = torch.tensor([-3.0, 0.0, 0.4, 1.3, 1.32, 4.0, 10.4, 20.0, 4e3], dtype=torch.float64)
    sign = 1 if upwards else -1

    def value(count):
        return risen_by_ratio(sign * (count - 10.5), 10.5, upwards, step, 0.7)

    found, expected = slopes(value, count)
    assert_close(found, expected, rtol=1e-6, atol=1e-10)
    assert (found * sign > 0).all()  # no count is so far away that it stands still


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("upwards", [False, True])
def test_ranks_tend_to_the_step(step, upwards):
    count = torch.tensor([-1.0, 0.0, 1.0, 10.0, 11.0, 1e6], dtype=torch.float64)
    margin = (count - 10.5) * (1 if upwards else -1)
    found = risen_by_ratio(margin, torch.tensor(10.5), upwards, step, 1e-4)
    assert_close(found, (margin > 0).double())


def test_what_is_compared_with_nothing_has_no_ratio():
    margin = torch.tensor([-0.5, 0.5, 3.5], dtype=torch.float64)
    found = risen_by_ratio(margin, 0.5, True, sigmoid_step, 0.5)
    assert_close(found, risen(margin, True, sigmoid_step, 0.5))
    levels = torch.tensor([0.5, 4.5, 0.5], dtype=torch.float64)
    mixed = risen_by_ratio(margin, levels, True, sigmoid_step, 0.5)
    assert_close(mixed[[0, 2]], found[[0, 2]])


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_a_minimum_is_that_of_a_p_norm(temperature):
    value = torch.tensor([1e-3, 0.05, 0.1, 0.5, 1.0, 9.0], dtype=torch.float64)
    p = 2 / temperature
    found = capped(value, 0.1, sigmoid_step, temperature)
    assert_close(found, value / (1 + (value / 0.1) ** p) ** (1 / p))
    slope, expected = slopes(lambda x: capped(x, 0.1, sigmoid_step, temperature), value, 1e-8)
    assert_close(slope, expected, rtol=1e-5, atol=1e-7)
    assert (slope > 0).all()


@pytest.mark.parametrize("step", STEPS)
def test_a_minimum_is_the_limit(step):
    value = torch.tensor([-2.0, 0.0, 1e-30, 0.05, 0.1, 0.5, 1e30], dtype=torch.float64)
    for cap in (0.1, 0.0, -1.0, torch.tensor(0.1)):
        found = capped(value, cap, step, 1e-6)
        assert_close(found, torch.minimum(value, torch.as_tensor(cap).double()), rtol=1e-6, atol=0)
    hard = capped(value, 0.1, straight_through_step, 1.0)
    assert_close(hard, value.clamp_max(0.1))
    leaf = value.clone().requires_grad_()
    capped(leaf, 0.1, straight_through_step, 1.0).sum().backward()
    assert leaf.grad.isfinite().all()
    assert leaf.grad[5] > 0  # above the cap


def all_pairs(scores):
    """Every class against every other one, stored once."""
    p = scores.shape[-1]
    earlier = torch.arange(p).unsqueeze(-1) < torch.arange(p)
    return Family(
        left=scores.unsqueeze(-1),
        right=scores.unsqueeze(-2),
        stored=earlier.expand(*scores.shape, p),
        tie=earlier,
        columns=1,
        mirrored=True,
    )


def test_logarithms_of_products_do_not_vanish():
    generator = torch.Generator().manual_seed(0)
    family = all_pairs(torch.randn(4, 6, generator=generator, dtype=torch.float64))
    relaxed = relaxed_family(family, sigmoid_step, 1.0)
    assert_close(log_product_of_rows(family, relaxed).exp(), product_of_rows(family, relaxed))
    expected = read_both_ways(family, relaxed, 1.0).log().sum(-1)
    assert_close(log_product_of_rows(family, relaxed), expected)
    many = all_pairs(torch.zeros(1, 2000))
    relaxed = relaxed_family(many, sigmoid_step, 1.0)
    assert (product_of_rows(many, relaxed) == 0).all()
    expected = torch.full((1, 2000), -1999 * math.log(2))
    assert_close(log_product_of_rows(many, relaxed), expected)
    far = all_pairs(torch.tensor([[0.0, 1e30, -1e30]], requires_grad=True))
    logs = log_product_of_rows(far, relaxed_family(far, sigmoid_step, 1.0))
    assert logs.isfinite().all()
