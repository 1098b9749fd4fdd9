"""Sums over all pairs, against the same sums over pairs written out in float64."""

from __future__ import annotations

import pytest
import torch

from lossc.runtime import pair_sums
from lossc.runtime.exponentials import laplace_powers, sigmoid_powers
from lossc.runtime.pair_numbers import dense_pairs
from lossc.runtime.pair_sums import Kernel, pair_sums_left, pair_sums_right
from lossc.runtime.pairs import Pairs, order_pairs

INF = torch.inf
DOUBLE = torch.float64
NAMES = ("tail", "tail_squared", "slope", "tail_slope", "tail_squared_slope")


@pytest.fixture(params=["cumulative", "blocked", "static"], autouse=True)
def path(request, monkeypatch):
    """One cumulative sum where scores are close, blocks everywhere, and as when compiling."""
    if request.param == "blocked":
        monkeypatch.setattr(pair_sums, "middle_of_close", lambda *_: None)
    if request.param == "static":
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    return request.param


def kernel_of(*rows: tuple[float, tuple[float, ...], float, tuple[float, ...]]) -> Kernel:
    """A kernel of rows: constant and terms where the binary is 1, and where it is 0."""
    size = max(len(terms) for row in rows for terms in (row[1], row[3]))
    won, lost = (
        torch.tensor([[*row[at], *[0.0] * (size - len(row[at]))] for row in rows], dtype=DOUBLE)
        for at in (1, 3)
    )
    won_constant, lost_constant = (
        torch.tensor([row[at] for row in rows], dtype=DOUBLE) for at in (0, 2)
    )
    return Kernel(won_constant, won, lost_constant, lost)


def positive_kernel() -> Kernel:
    """Two functions of positive terms, with and without a constant."""
    return kernel_of((1.0, (0.5, 0.25, 2.0), 0.0, (1.0, 3.0)), (0.0, (1.0,), 0.0, (0.0, 0.5)))


def dense_sums(pairs: Pairs, kernel: Kernel, temperature: float, left_weight, right_weight):
    """The sums to be had, and those of absolute values: of left items, of right ones."""
    pairs = pairs._replace(left=pairs.left.double(), right=pairs.right.double())
    gaps, stored, won = dense_pairs(pairs)
    equal = pairs.left.unsqueeze(-1) == pairs.right.unsqueeze(-2)
    t = (-gaps.abs().masked_fill(equal, 0) / temperature).exp().masked_fill(~stored, 0)
    sums = []
    for at in range(kernel.won.shape[0]):
        won_terms = kernel.won_constant[at] * torch.ones_like(t)
        lost_terms = kernel.lost_constant[at] * torch.ones_like(t)
        power = t
        for k in range(kernel.won.shape[1]):
            won_terms = won_terms + kernel.won[at, k] * power
            lost_terms = lost_terms + kernel.lost[at, k] * power
            power = power * t
        phi = torch.where(won, won_terms, lost_terms).masked_fill(~stored, 0)
        right = phi if right_weight is None else phi * right_weight.double().unsqueeze(-2)
        left = phi if left_weight is None else phi * left_weight.double().unsqueeze(-1)
        sums.append((right.sum(-1), right.abs().sum(-1), left.sum(-2), left.abs().sum(-2)))
    return [torch.stack(each) for each in zip(*sums, strict=True)]


def check(pairs, kernel, temperature=1.0, left_weight=None, right_weight=None, bound=None):
    """All sums are within ``bound``, relative to the sum of the absolute values."""
    if bound is None:
        bound = 3e-7 if pairs.left.dtype == torch.float32 else 1e-12
    order = order_pairs(pairs)
    right = pair_sums_right(order, kernel, temperature, right_weight)
    left = pair_sums_left(order, kernel, temperature, left_weight)
    wanted = dense_sums(pairs, kernel, temperature, left_weight, right_weight)
    floor = torch.finfo(pairs.left.dtype).tiny
    for got, value, size in ((right, *wanted[:2]), (left, *wanted[2:])):
        assert got.dtype == pairs.left.dtype
        assert got.shape == value.shape
        assert ((got.double() - value).abs() <= bound * size + floor).all()


def all_kept(left, right, **rest) -> Pairs:
    return Pairs(
        left,
        right,
        torch.ones(left.shape, dtype=torch.bool),
        torch.ones(right.shape, dtype=torch.bool),
        **rest,
    )


@pytest.mark.parametrize("tie", ["won", "lost", "first", "last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grouped", [False, True])
def test_sums_are_those_of_all_pairs(tie, dtype, grouped):
    for batch, m, n in (((), 40, 40), ((), 17, 90), ((3,), 21, 21), ((2, 2), 5, 33), ((0,), 2, 2)):
        for same in {False, m == n}:
            for tied in (False, True):
                left, right = torch.randn(*batch, m).to(dtype), torch.randn(*batch, n).to(dtype)
                if tied:
                    left, right = (2 * left).round(), (2 * right).round()
                if same:
                    right = left
                kept = [torch.rand(x.shape) < 0.7 for x in (left, right)]
                left = torch.where(kept[0], left, torch.nan)
                groups = [torch.randint(-2, 3, x.shape) if grouped else None for x in (left, right)]
                pairs = Pairs(left, right, *kept, *groups, tie=tie, same=same)
                weights = [torch.randn(x.shape).to(dtype) for x in (left, right)]
                check(pairs, positive_kernel())
                check(pairs, positive_kernel(), 0.3, *weights)


@pytest.mark.parametrize("m, n", [(0, 5), (5, 0), (1, 1), (15, 16), (16, 17), (256, 255), (3, 700)])
def test_all_sizes_of_blocks(m, n):
    check(all_kept(torch.randn(m), torch.randn(n)), positive_kernel(), 0.5)
    scores = torch.randn(n, dtype=DOUBLE)
    check(all_kept(scores, scores, same=True), positive_kernel(), 0.5)


@pytest.mark.parametrize("temperature", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset, spread", [(0, 1), (1e4, 1), (0, 1e4), (0, 1e-30), (0, 1e30)])
def test_sums_are_exact_wherever_the_scores_are(temperature, dtype, offset, spread):
    left = (offset + spread * torch.randn(30, dtype=DOUBLE)).to(dtype)
    right = (offset + spread * torch.randn(60, dtype=DOUBLE)).to(dtype)
    bound = 3e-7 if dtype == torch.float32 else 1e-11
    check(all_kept(left, right), positive_kernel(), temperature, bound=bound)
    check(all_kept(left, right), positive_kernel(), torch.tensor(temperature), bound=1e-5)


def test_separated_classes_are_exact_too():
    left, right = torch.randn(50) + 20, torch.randn(70) - 20
    for pairs in (all_kept(left, right), all_kept(right, left)):
        check(pairs, positive_kernel())


def test_infinite_scores_are_far_from_all_but_themselves():
    left = torch.tensor([0.0, INF, -INF, INF, 1.0])
    right = torch.tensor([INF, -INF, -INF, 0.0, 2.0, 3.0])
    for tie in ("won", "lost", "first", "last"):
        check(all_kept(left, right, tie=tie), positive_kernel())
    check(all_kept(left, left, same=True), positive_kernel())
    check(all_kept(left[1:2], right[:1]), positive_kernel())


def test_an_item_that_is_not_compared_with_itself_leaves_no_trace():
    scores = torch.tensor([0.0, 60.0, 120.0, 120.0], dtype=DOUBLE)
    for tie in ("won", "lost", "first", "last"):
        pairs = all_kept(scores, scores, tie=tie, same=True)
        check(pairs, kernel_of((0.0, (0.5, 3.0), 0.0, (0.5, 3.0))))


def test_an_undefined_score_is_seen():
    pairs = all_kept(torch.tensor([0.0, 1.0]), torch.tensor([0.5, torch.nan, 3.0]))
    assert pair_sums_right(order_pairs(pairs), positive_kernel(), 1.0)[0].isnan().all()


def test_the_sigmoid_in_float32():
    left, right = 3 * torch.randn(40), 3 * torch.randn(200)
    tables = [sigmoid_powers(name, False) for name in NAMES]
    kernel = kernel_of(*[(0.0, table, 0.0, table) for table in tables])
    order = order_pairs(all_kept(left, right))
    got = pair_sums_right(order, kernel, 0.7)
    s = (-(left.double().unsqueeze(-1) - right).abs() / 0.7).sigmoid()
    slope = s * (1 - s)
    wanted = torch.stack([x.sum(-1) for x in (s, s**2, slope, s * slope, s**2 * slope)])
    assert ((got / wanted - 1).abs() < 1e-5).all()
    check(all_kept(left, right), kernel, 0.7, bound=1e-5)


def test_many_powers_in_parts():
    kernel = kernel_of((1.0, tuple(0.9**k for k in range(20)), 0.0, (1.0, 2.0, 0.0, 0.25)))
    left, right = torch.randn(20), torch.randn(30_000)
    check(all_kept(left, right), kernel, 0.5)


def test_weights_of_both_signs_and_of_all_sizes():
    left, right = torch.randn(100), torch.randn(80)
    weights = [torch.randn(100) * 1e30, torch.randn(80) * 1e-30]
    check(all_kept(left, right), positive_kernel(), 0.1, *weights)


def test_no_gradient_is_carried():
    scores = torch.randn(5, requires_grad=True)
    order = order_pairs(all_kept(scores, scores, same=True))
    assert not pair_sums_left(order, positive_kernel(), 1.0, scores).requires_grad


@pytest.mark.parametrize("double, bound", [(False, 1e-6), (True, 2e-12)])
def test_the_sigmoid_is_a_sum_of_exponentials(double, bound, path):
    if path != "cumulative":
        return
    z = torch.cat([torch.linspace(0, 60, 3001), torch.zeros(1)]).double()
    t, s = (-z).exp(), (-z).sigmoid()
    slope = s * (1 - s)
    functions = dict(zip(NAMES, (s, s**2, slope, s * slope, s**2 * slope), strict=True))
    for name, wanted in functions.items():
        got = sum(c * t ** (k + 1) for k, c in enumerate(sigmoid_powers(name, double)))
        assert ((got / wanted - 1).abs() < bound).all()


def test_the_laplace_step_is_exact():
    half = 0.5
    assert laplace_powers("tail") == laplace_powers("slope") == (half,)
    assert laplace_powers("tail_squared") == laplace_powers("tail_slope") == (0, half**2)
    assert laplace_powers("tail_squared_slope") == (0, 0, half**3)


def test_sums_compile(path):
    if path != "cumulative":
        return

    def sums(left, right, kept, group, weight):
        pairs = Pairs(left, right, kept, ~kept, group, group, tie="won", same=True)
        order = order_pairs(pairs)
        kernel = positive_kernel()
        return (
            pair_sums_right(order, kernel, 0.3, weight),
            pair_sums_left(order, kernel, 0.3, weight),
        )

    scores, group = torch.randn(2, 30), torch.randint(0, 3, (2, 30))
    kept, weight = torch.rand(2, 30) < 0.5, torch.randn(2, 30)
    compiled = torch.compile(sums, fullgraph=True, backend="aot_eager")
    for got, wanted in zip(
        compiled(scores, scores, kept, group, weight),
        sums(scores, scores, kept, group, weight),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted)
