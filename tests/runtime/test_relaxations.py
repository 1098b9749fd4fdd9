"""Step relaxations against their formulas, written as others write them, and against the step."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.choices import STEPS
from lossc.runtime import relaxations
from lossc.runtime.families import Family
from lossc.runtime.relaxations import relaxed_bits

# of z = comparison / temperature, from -inf to inf
FORMULAS = {
    "sigmoid": torch.sigmoid,
    "laplace": torch.distributions.Laplace(0.0, 1.0).cdf,
    "arctan": torch.distributions.Cauchy(0.0, 1.0).cdf,
    "algebraic": lambda z: (1 + z / (1 + z * z).sqrt()) / 2,
    "smoothstep": lambda z: (lambda x: x * x * (3 - 2 * x))(((z + 1) / 2).clamp(0, 1)),
    "hard_sigmoid": lambda z: ((z + 1) / 2).clamp(0, 1),
    "straight_through": lambda z: (z > 0).to(z.dtype),
}
SLOPED = [name for name in STEPS if name != "straight_through"]


def step_of(name):
    return getattr(relaxations, STEPS[name].function)


def bits(name, comparisons, temperature):
    tail, slope = step_of(name)(comparisons.detach().abs(), temperature)
    return relaxed_bits(comparisons.detach() > 0, comparisons, tail, slope)


def test_every_step_has_a_formula_here():
    assert set(FORMULAS) == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_value_is_that_of_the_formula(name, temperature):
    comparisons = torch.linspace(-7, 7, 401, dtype=torch.float64)
    comparisons = comparisons[comparisons != 0]
    expected = FORMULAS[name](comparisons / temperature)
    assert_close(bits(name, comparisons, temperature), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SLOPED)
def test_slope_is_the_derivative(name):
    comparisons = torch.linspace(-3.0, 3.01, 97, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(bits(name, comparisons, 0.7).sum(), comparisons)
    away, here = 1e-6, comparisons.detach()
    there, back = (FORMULAS[name]((here + d) / 0.7) for d in (away, -away))
    kinked = (here.abs() - 0.7).abs() < 2 * away
    assert_close(slope[~kinked], ((there - back) / (2 * away))[~kinked], rtol=1e-6, atol=1e-9)


def test_straight_through_has_the_slope_of_the_sigmoid():
    comparisons = torch.linspace(-3, 3, 31, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(bits("straight_through", comparisons, 0.5).sum(), comparisons)
    u = (comparisons.detach() / 0.5).sigmoid()
    assert_close(slope, u * (1 - u) / 0.5)


@pytest.mark.parametrize("name", STEPS)
def test_the_step_is_the_limit(name):
    comparisons = torch.tensor([-5.0, -0.3, -0.01, 0.01, 0.3, 5.0], dtype=torch.float64)
    expected = (comparisons > 0).double()
    assert_close(bits(name, comparisons, 1e-9), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_apart_scores_give_no_nan(name, dtype):
    huge = torch.finfo(dtype).max
    margin = torch.tensor([0.0, 1e-30, 1.0, 1e4, 1e18, huge, math.inf], dtype=dtype)
    for temperature in (1e-3, 1.0, 1e3):
        tail, slope = step_of(name)(margin, temperature)
        assert tail.isfinite().all()
        assert slope.isfinite().all()
        assert ((tail >= 0) & (tail <= 0.5)).all()
        assert (slope >= 0).all()
        assert (tail[1:] <= tail[:-1]).all()


@pytest.mark.parametrize("name", ["sigmoid", "laplace", "arctan", "algebraic"])
def test_small_tails_keep_their_digits(name):
    # in float32, 1 - u would be 0 from 17 on for the sigmoid, and from 1e4 on for heavy tails
    margin = torch.tensor([20.0, 80.0, 1e5 if name in ("arctan", "algebraic") else 85.0])
    tail, _ = step_of(name)(margin, 1.0)
    expected = 1 - FORMULAS[name](margin.double()) if name != "sigmoid" else None
    z = margin.double()
    expected = {
        "sigmoid": (-z).exp() / (1 + (-z).exp()),
        "laplace": (-z).exp() / 2,
        "arctan": (1 / z).atan() / math.pi,
        "algebraic": 1 / (2 * (1 + z * z + z * (1 + z * z).sqrt())),
    }[name]
    assert_close(tail.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("squash", ["none", "sigmoid"])
def test_an_automatic_temperature_follows_the_spread(squash):
    generator = torch.Generator().manual_seed(0)
    score = torch.randn(81, generator=generator, dtype=torch.float64)
    seen = score.sigmoid() if squash == "sigmoid" else score
    found = relaxations.auto_temperature((score,), squash)
    assert_close(found, seen.std(correction=0) / 3)  # 81 ** (1 / 4)
    table = torch.randn(5, 16, generator=generator, dtype=torch.float64)
    seen = table.sigmoid() if squash == "sigmoid" else table
    found = relaxations.auto_temperature((table,), squash)
    assert_close(found, seen.std(-1, correction=0).mean() / 2)
    if squash == "none":
        assert_close(relaxations.auto_temperature((7 * table + 3,), squash), 7 * found)


def threshold(score, limit, kept=None):
    """Scores against a number; a tie is lost."""
    kept = torch.ones(score.shape, dtype=torch.bool) if kept is None else kept
    return Family(score, torch.tensor(limit, dtype=score.dtype), kept, False, score.ndim, False)


@pytest.mark.parametrize("squash", ["none", "sigmoid"])
def test_an_automatic_temperature_reaches_a_threshold(squash):
    generator = torch.Generator().manual_seed(1)
    score = 0.01 * torch.randn(81, generator=generator, dtype=torch.float64)
    seen = score.sigmoid() - torch.tensor(0.5).sigmoid() if squash == "sigmoid" else score - 0.5
    found = relaxations.auto_temperature((), squash, (threshold(score, 0.5),))
    # a third of the comparisons, 81 ** (-1 / 4), are no farther than that
    assert_close(found, sorted(seen.abs().tolist())[26] + torch.zeros_like(found))
    assert (seen.abs() <= found * (1 + 1e-6)).sum() == 27
    wide = relaxations.auto_temperature((), "none", (threshold(700 * score, 350.0),))
    if squash == "none":
        assert_close(wide, 700 * found)


def test_of_scores_around_a_threshold_the_spread_decides():
    score = torch.cat([torch.linspace(-1, -0.9, 40), torch.linspace(0.9, 1, 40), torch.zeros(1)])
    score = torch.cat([score, torch.full((175,), 1e-9)]).double()  # 256 in all
    found = relaxations.auto_temperature((), "none", (threshold(score, 0.0),))
    assert_close(found, score.std(correction=0) / 4)


def test_what_does_not_count_has_no_say():
    score = torch.tensor([0.1, 0.2, 0.4, 9.0], dtype=torch.float64)
    kept = torch.tensor([True, True, True, False])
    found = relaxations.auto_temperature((), "none", (threshold(score, 0.5, kept),))
    expected = relaxations.auto_temperature((), "none", (threshold(score[:3], 0.5),))
    assert_close(found, expected)
    none = threshold(score, 0.5, torch.zeros(4, dtype=torch.bool))
    assert relaxations.auto_temperature((), "none", (none,)) == 1
    # both kinds of comparisons: the wider one counts
    both = relaxations.auto_temperature((100 * score,), "none", (threshold(score, 0.5),))
    assert_close(both, relaxations.auto_temperature((100 * score,), "none"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_an_automatic_temperature_is_a_number(dtype):
    largest = torch.finfo(dtype).max
    plain = torch.tensor([-1.0, 0.5, 2.0], dtype=dtype)
    for odd in (math.inf, -math.inf, math.nan, largest, -largest):
        score = torch.cat([plain, torch.tensor([odd], dtype=dtype)])
        expected = relaxations.auto_temperature((plain,), "none")
        assert_close(relaxations.auto_temperature((score,), "none"), expected)
        expected = relaxations.auto_temperature((), "none", (threshold(plain, 0.25),))
        assert_close(relaxations.auto_temperature((), "none", (threshold(score, 0.25),)), expected)
        lost = torch.full((3,), odd, dtype=dtype)
        assert relaxations.auto_temperature((lost,), "none") == 1
        assert relaxations.auto_temperature((), "none", (threshold(lost, 0.0),)) == 1
    small = largest / 8
    found = relaxations.auto_temperature((torch.tensor([-small, small], dtype=dtype),), "none")
    assert 0 < found < math.inf
    assert not relaxations.auto_temperature((plain.requires_grad_(),), "none").requires_grad


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (0, 3), (4, 4)])
def test_equal_scores_have_the_temperature_1(shape):
    score = torch.full(shape, 2.5)
    assert relaxations.auto_temperature((score,), "none") == 1
    assert relaxations.auto_temperature((), "none", (threshold(score, 2.5),)) == 1
    expected = 1.0 if score.numel() == 0 else 2.0
    assert relaxations.auto_temperature((), "none", (threshold(score, 4.5),)) == expected
