"""Pairs in order: hard counts and pairs by number, against all pairs written out."""

from __future__ import annotations

import pytest
import torch

from lossc.runtime.pair_numbers import (
    dense_pairs,
    lost_pair_at,
    pairs_stored,
    pairs_stored_against,
    pairs_won,
    pairs_won_against,
    stored_pair_at,
)
from lossc.runtime.pairs import Pairs, order_pairs, score_key, sort_items, stable_order

TIES = ("won", "lost", "first", "last")
INF = torch.inf
SHAPES = [
    ((), 7, 7),
    ((), 4, 9),
    ((), 9, 4),
    ((), 1, 1),
    ((3,), 6, 6),
    ((2, 3), 5, 4),
    ((2,), 0, 5),
    ((2,), 5, 0),
    ((0,), 3, 3),
]


@pytest.fixture(params=["eager", "static"])
def mode(request, monkeypatch):
    """As on the CPU, and as when compiling, where nothing may be read out of a tensor."""
    if request.param == "static":
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    return request.param


def draws(seed: int, tie: str, dtype: torch.dtype = torch.float32):
    """Small whole scores, so that there are ties, of all shapes, grouped or not."""
    random = torch.Generator().manual_seed(seed)
    for batch, m, n in SHAPES:
        for grouped in (False, True):
            for same in {False, m == n}:
                left = torch.randint(-3, 4, (*batch, m), generator=random).to(dtype)
                right = torch.randint(-3, 4, (*batch, n), generator=random).to(dtype)
                if same:
                    right = left
                left = torch.where(left == -3, -INF, torch.where(left == 0, -0.0, left))
                right = torch.where(right == 3, INF, right)
                kept = [torch.rand(x.shape, generator=random) < 0.7 for x in (left, right)]
                groups: list[torch.Tensor | None] = [None, None]
                if grouped:
                    groups = [
                        torch.randint(-1, 2, x.shape, generator=random) * 2**40
                        for x in (left, right)
                    ]
                yield Pairs(left, right, *kept, *groups, tie=tie, same=same)


@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_counts_are_those_of_all_pairs(mode, tie, dtype):
    for pairs in draws(1, tie, dtype):
        order = order_pairs(pairs)
        _, stored, won = dense_pairs(pairs)
        assert pairs_won(order).equal(won.sum(-1))
        assert pairs_won_against(order).equal(won.sum(-2))
        assert pairs_stored(order).equal(stored.sum(-1))
        assert pairs_stored_against(order).equal(stored.sum(-2))


@pytest.mark.parametrize("tie", TIES)
def test_every_pair_has_one_number(mode, tie):
    for pairs in draws(2, tie):
        order = order_pairs(pairs)
        _, stored, won = dense_pairs(pairs)
        m, n = pairs.left.shape[-1], pairs.right.shape[-1]
        for pair_at, wanted in ((stored_pair_at, stored), (lost_pair_at, stored & ~won)):
            if not wanted.any():
                continue
            i, j = pair_at(order, torch.arange(int(wanted.sum())))
            assert (i // m).equal(j // n)  # of one place of the batch axes
            got = torch.zeros(wanted.shape, dtype=torch.int64)
            got.view(-1, m, n).index_put_((i // m, i % m, j % n), torch.tensor(1), accumulate=True)
            assert got.equal(wanted.long())


def test_what_is_not_kept_may_have_any_score(mode):
    left = torch.tensor([1.0, torch.nan, 3.0, INF])
    right = torch.tensor([torch.nan, 2.0, -INF, INF])
    pairs = Pairs(
        left,
        right,
        torch.tensor([True, False, True, True]),
        torch.tensor([False, True, True, True]),
    )
    order = order_pairs(pairs)
    assert pairs_won(order).tolist() == [1, 0, 2, 2]
    assert pairs_won_against(order).tolist() == [0, 2, 3, 0]


def test_nothing_kept(mode):
    nothing = torch.zeros(3, dtype=torch.bool)
    order = order_pairs(Pairs(torch.ones(3), torch.ones(3), nothing, nothing, same=True))
    assert pairs_stored(order).tolist() == [0, 0, 0]
    assert pairs_won_against(order).tolist() == [0, 0, 0]


def test_the_position_decides_a_tie():
    scores, kept = torch.zeros(3), torch.ones(3, dtype=torch.bool)
    won = {
        tie: pairs_won(order_pairs(Pairs(scores, scores, kept, kept, tie=tie, same=True))).tolist()
        for tie in TIES
    }
    assert won == {"won": [2, 2, 2], "lost": [0, 0, 0], "first": [2, 1, 0], "last": [0, 1, 2]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keys_are_in_the_order_of_the_scores(dtype):
    info = torch.finfo(dtype)
    scores = [-INF, info.min, -1.0, -info.tiny, -0.0, 0.0, info.tiny, 1.0, info.max, INF]
    keys = score_key(torch.tensor(scores, dtype=dtype)).tolist()
    assert keys == sorted(keys)
    assert keys[4] == keys[5]
    assert len(set(keys)) == len(keys) - 1


@pytest.mark.parametrize("size", [3, 9_999, 12_000, 32_767, 32_768, 40_000])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_sorting_is_stable(size, dtype):
    keys = torch.randint(-5, 5, (size,)).to(dtype)
    keys[: size // 3] = torch.iinfo(dtype).max
    assert stable_order(keys, static=False).equal(keys.argsort(stable=True))


def test_groups_are_sorted_alike_whether_their_number_is_small_or_large():
    key, row = torch.randint(-3, 4, (500,)).int(), torch.randint(0, 4, (500,))
    for group in (torch.randint(-2, 3, (500,)), torch.randint(-2, 3, (500,)) * 2**40):
        order, number = sort_items(key, group, row, 4, static=False)
        plain, numbers = sort_items(key, group, row, 4, static=True)
        assert order.equal(plain)
        assert (number.diff() != 0).equal(numbers.diff() != 0)
        assert (number.diff() >= 0).all()


def test_the_order_compiles():
    def counts(left, right, left_kept, right_kept, group):
        pairs = Pairs(left, right, left_kept, right_kept, group, group, tie="first", same=True)
        order = order_pairs(pairs)
        return pairs_won(order), *lost_pair_at(order, torch.arange(3))

    scores, group = torch.randint(0, 5, (2, 20)).float(), torch.randint(0, 3, (2, 20))
    kept = torch.rand(2, 20) < 0.8
    compiled = torch.compile(counts, fullgraph=True, backend="aot_eager")
    for got, wanted in zip(
        compiled(scores, scores, kept, ~kept, group),
        counts(scores, scores, kept, ~kept, group),
        strict=True,
    ):
        assert got.equal(wanted)
