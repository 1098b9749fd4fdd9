"""The plain interpolation against arithmetic, and its gradient rules against their own formulas."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from lossc.runtime.reference import idw, idw_gradient


def test_weights_are_normalised_inverse_distances():
    near, far = 1 / 0.5, 1 / sqrt(1.0**2 + 0.5**2)  # from (1, 0.5) to (1, 1) and to (0, 0)
    value = idw(tensor([1.0, 0.5]), tensor([[1.0, 1.0], [0.0, 0.0]]), tensor([1.0, 0.0]))
    assert_close(value, tensor(near / (near + far)))


def test_two_anchors_on_a_line_give_u_itself():
    u = tensor([0.3])
    assert_close(idw(u, tensor([[1.0], [0.0]]), tensor([1.0, 0.0])), tensor(0.3))


@pytest.mark.parametrize(("margin", "expected"), [(0.0, 0.25), (1.0, 0.20826860011378284)])
def test_and_of_two_bits_over_its_four_corners(margin, expected):
    u = tensor([margin, -margin], dtype=torch.float64).sigmoid()
    corners = tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
    value = idw(u, corners, corners.prod(-1))
    assert value.item() == pytest.approx(expected, abs=1e-15)


def test_at_an_anchor_the_value_is_the_metric_there_and_the_gradient_is_finite():
    u = tensor([1.0, 0.0], requires_grad=True)
    value = idw(u, tensor([[1.0, 0.0], [1.0, 1.0]]), tensor([0.7, 0.1]))
    value.backward()
    assert value.item() == pytest.approx(0.7)
    assert u.grad.isfinite().all()


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(5)
    u = torch.rand(7, generator=generator, dtype=torch.float64)
    configurations = (torch.rand(20, 7, generator=generator) < 0.5).double()
    values = torch.rand(20, generator=generator, dtype=torch.float64)
    return u, configurations, values


def test_stays_between_the_smallest_and_the_largest_value(problem):
    u, configurations, values = problem
    assert values.min() <= idw(u, configurations, values) <= values.max()


def test_order_of_anchors_does_not_matter(problem):
    u, configurations, values = problem
    order = torch.arange(20).flip(0)
    assert_close(idw(u, configurations[order], values[order]), idw(u, configurations, values))


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_exact_rule_is_the_derivative(problem, power):
    u, configurations, values = problem
    u.requires_grad_()
    (auto,) = torch.autograd.grad(idw(u, configurations, values, power), u)
    assert_close(idw_gradient(u.detach(), configurations, values, "exact", power), auto)
    assert torch.autograd.gradcheck(lambda x: idw(x, configurations, values, power), (u,))


def test_a_constant_metric_has_no_gradient_by_the_exact_rule_only(problem):
    u, configurations, _ = problem
    constant = torch.full((20,), 0.6, dtype=torch.float64)
    assert_close(idw_gradient(u, configurations, constant, "exact"), torch.zeros_like(u))
    assert idw_gradient(u, configurations, constant, "published").abs().max() > 0.01


def test_adding_a_constant_changes_the_published_gradient_and_not_the_exact_one(problem):
    u, configurations, values = problem
    rules = {"exact": True, "improving": True, "published": False, "attract": False}
    for rule, same in rules.items():
        moved = idw_gradient(u, configurations, values + 3, rule)
        unmoved = idw_gradient(u, configurations, values, rule)
        assert torch.allclose(moved, unmoved) is same


def test_rules_differ_by_the_weight_of_the_value_alone(problem):
    u, configurations, values = problem
    exact, published, attract = (
        idw_gradient(u, configurations, values, rule) for rule in ("exact", "published", "attract")
    )
    assert_close((exact + published) / 2, attract)


def test_the_improving_rule_is_the_exact_one_of_the_better_anchors(problem):
    u, configurations, values = problem
    value = idw(u, configurations, values)
    better = values > value
    leveled = torch.where(better, values, value)  # a worse one that is worth e has no part in it
    ratio = (leveled - value).sum() / (values - value).clamp_min(0).sum()
    assert_close(ratio, torch.ones_like(ratio))
    leaning = torch.func.grad(lambda u: (u - configurations).norm(dim=-1) ** -1 @ (leveled - value))
    total = ((u - configurations).norm(dim=-1) ** -1).sum()
    assert_close(idw_gradient(u, configurations, values, "improving"), leaning(u) / total)


def test_encodings_0_1_and_minus_1_1_agree(problem):
    u, configurations, values = problem
    assert_close(idw(2 * u - 1, 2 * configurations - 1, values), idw(u, configurations, values))
