"""Undefined values: NaN inside, a default outside, and no gradient there."""

from __future__ import annotations

import torch

from lossc.runtime.ordering import at_place, first_occurrence, in_order
from lossc.runtime.undefined import divide, largest, otherwise, smallest


def test_a_zero_denominator_is_undefined_and_its_gradient_zero():
    above = torch.tensor([1.0, 0.0], requires_grad=True)
    below = torch.tensor([0.0, 2.0], requires_grad=True)
    value = otherwise(divide(above, below), 5.0)
    assert value.tolist() == [5.0, 0.0]
    value.sum().backward()
    assert above.grad.tolist() == [0.0, 0.5]
    assert below.grad.tolist() == [0.0, 0.0]


def test_extremes_of_nothing_are_undefined():
    values = torch.tensor([[1.0, 4.0], [3.0, 2.0]])
    where = torch.tensor([[True, False], [False, False]])
    assert largest(values, where, (-1,))[0] == 1
    assert largest(values, where, (-1,))[1].isnan()
    assert smallest(values, None, (-2, -1)) == 1
    assert largest(torch.zeros(2, 0), None, (-1,)).isnan().all()


def test_places_in_an_order_with_a_filter():
    ordered = in_order(torch.tensor([3.0, 1.0, 2.0]), torch.tensor([True, False, True]))
    assert ordered.tolist() == [2.0, 3.0, torch.inf]
    assert at_place(ordered, 1) == 2
    assert at_place(ordered, 3).isnan()
    assert at_place(ordered, torch.tensor([0, 2])).isnan().tolist() == [True, False]


def test_first_of_each_value():
    values = torch.tensor([4, 4, 1, 4, 1])
    assert first_occurrence(values).tolist() == [True, False, True, False, False]
