"""Reductions over all that stands before or after a place take one pass, with the same values."""

from __future__ import annotations

import pytest
import torch

from lossc.compiler.compile import compile_spec

HEAD = "spec t\ninput x: real[n]\ninput c: bool[n]\ninput k: int[n] in n\n"
MANY = 50_000  # n by n numbers would fill 20 GB


def value_of(body, x, c, k):
    return compile_spec(HEAD + body).loss()(x, c, k)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-4, 5, (MANY,), generator=generator).double()
    c = torch.rand(MANY, generator=generator) < 0.3
    return x, c, torch.randint(MANY, (MANY,), generator=generator)


def test_sums_up_to_each_place(data):
    x, c, k = data
    got = value_of("let s[i] = cumsum[j | c[j]] x[j] at i\nloss mean[i] x[i] * s[i]", x, c, k)
    assert got.item() == pytest.approx((x * (x * c).cumsum(0)).mean().item())


def test_maxima_from_each_place_on(data):
    x, c, k = data
    got = value_of(
        "let s[i in n] = max[j | j >= i and c[j]] x[j]\nloss mean[i] x[i] * (s[i] else 0)", x, c, k
    )
    most = torch.where(c, x, -torch.inf).flip(0).cummax(0).values.flip(0)
    assert got.item() == pytest.approx((x * torch.where(most > -torch.inf, most, 0)).mean().item())


def test_sums_before_computed_places(data):
    x, c, k = data
    got = value_of("loss mean[i] x[i] * sum[j | j < k[i]] x[j]", x, c, k)
    before = torch.cat([torch.zeros(1), x.cumsum(0)])[k]
    assert got.item() == pytest.approx((x * before).mean().item())


def test_counts_behind_computed_places(data):
    x, c, k = data
    got = value_of("loss mean[i] x[i] * count[j | j > k[i] and c[j]]", x, c, k)
    behind = c.long().sum() - c.long().cumsum(0)[k]
    assert got.item() == pytest.approx((x * behind).mean().item())


@pytest.mark.parametrize(
    ("body", "running"),
    [
        ("sum[j | j <= i] x[j]", True),
        ("sum[j] [j <= i] * x[j]", True),
        ("sum[j | i >= j and c[j]] x[j] * x[j]", True),
        ("count[j | j < i and c[j]]", True),
        ("min[j | j > i] x[j] else 0", True),
        ("max[j | c[j] and k[i] >= j] x[j] else 0", True),
        ("sum[j | j <= k[i] + 1] x[j]", True),
        ("sum[j | j != i] x[j]", False),
        ("sum[j | j <= i and k[j] <= i] x[j]", False),  # the place decides twice
        ("sum[j | j <= i] x[j] * x[i]", False),
        ("sum[j | j <= i / 2] x[j]", False),  # no whole place
        ("prod[j | j <= i] x[j]", False),
    ],
)
def test_what_is_recognised(body, running):
    one = compile_spec(HEAD + f"let s[i in n] = {body}\nloss mean[i] x[i] * s[i] else 0")
    assert ("running_" in one.source()) is running
    x = torch.tensor([2.0, -1.0, 3.0, 0.5], dtype=torch.float64)
    c, k = torch.tensor([True, False, True, True]), torch.tensor([1, 0, 3, 2])
    # the same, place by place
    holds = {
        "j <= i": lambda i, j: j <= i,
        "[j <= i]": lambda i, j: j <= i,
        "i >= j and c[j]": lambda i, j: i >= j and c[j],
        "j < i and c[j]": lambda i, j: j < i and c[j],
        "j > i": lambda i, j: j > i,
        "c[j] and k[i] >= j": lambda i, j: c[j] and k[i] >= j,
        "j <= k[i] + 1": lambda i, j: j <= k[i] + 1,
        "j != i": lambda i, j: j != i,
        "j <= i and k[j] <= i": lambda i, j: j <= i and k[j] <= i,
        "j <= i / 2": lambda i, j: j <= i / 2,
    }
    found = max((text for text in holds if text in body), key=len)
    per_place = []
    for i in range(4):
        inside = torch.tensor([bool(holds[found](i, j)) for j in range(4)])
        values = x[inside]
        if "x[j] * x[j]" in body:
            values = values**2
        if "x[j] * x[i]" in body:
            values = values * x[i]
        if body.startswith("count"):
            per_place.append(inside.sum().double())
        elif body.startswith(("min", "max")):
            extreme = torch.amin if body.startswith("min") else torch.amax
            per_place.append(extreme(values, 0) if inside.any() else torch.tensor(0.0))
        else:
            per_place.append(values.prod() if body.startswith("prod") else values.sum())
    want = (x * torch.stack([p.double() for p in per_place])).mean()
    assert one.loss()(x, c, k).item() == pytest.approx(want.item())
