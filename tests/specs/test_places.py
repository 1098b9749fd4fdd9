"""Metrics of places in a ranking against torchmetrics, and a stable sort where scores tie."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torchmetrics.functional import retrieval as tm

from tests.specs.batches import assert_worth, compiled, grouped, queries, ranked


def in_order(score, relevant):
    """Whether the item at each place is relevant; of tied items the first ranks higher."""
    return relevant.numpy()[np.argsort(-score.numpy(), kind="stable")]


def reciprocal_rank(hits):
    return 1 / (1 + hits.argmax()) if hits.any() else 0


def r_precision(hits):
    return hits[: hits.sum()].mean() if hits.any() else 0


def recall_at_k(hits, k):
    return hits[:k].sum() / hits.sum() if hits.any() else 0


WORTH = [
    *[("precision_at_k", lambda hits, k: hits[:k].sum() / k, {"k": k}) for k in (1, 3, 10)],
    *[("recall_at_k", recall_at_k, {"k": k}) for k in (1, 3, 10)],
    *[("hit_rate", lambda hits, k: int(hits[:k].any()), {"k": k}) for k in (1, 3, 10)],
    ("reciprocal_rank", reciprocal_rank, {}),
    ("r_precision", r_precision, {}),
]


@pytest.mark.parametrize(("name", "worth", "params"), WORTH)
def test_is_that_of_a_stable_sort(name, worth, params):
    for score, relevant in ranked(count=200):
        want = worth(in_order(score, relevant), **params)
        assert_worth(compiled(name, **params), want, score, relevant)


@pytest.mark.parametrize(("name", "worth", "params"), WORTH)
def test_is_the_mean_over_queries(name, worth, params):
    for score, relevant, group in grouped(count=100):
        values = [worth(in_order(*query), **params) for query in queries(group, score, relevant)]
        assert_worth(compiled(name, **params), np.mean(values), score, relevant, group)


TORCHMETRICS = {
    "precision_at_k": tm.retrieval_precision,
    "recall_at_k": tm.retrieval_recall,
    "hit_rate": tm.retrieval_hit_rate,
    "reciprocal_rank": lambda score, relevant, top_k: tm.retrieval_reciprocal_rank(score, relevant),
    "r_precision": lambda score, relevant, top_k: tm.retrieval_r_precision(score, relevant),
}


@pytest.mark.parametrize("name", TORCHMETRICS)
def test_is_torchmetrics_without_ties(name):
    params = {"k": 3} if name in ("precision_at_k", "recall_at_k", "hit_rate") else {}
    compared = 0
    for score, relevant in ranked(1):
        if score.unique().numel() < score.numel():
            continue
        chance = score.sigmoid()  # it leaves out what is not above 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = TORCHMETRICS[name](chance, relevant, top_k=3).item()
        got = compiled(name, **params).metric(chance, relevant).item()
        assert got == pytest.approx(want, abs=1e-6)
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("name", TORCHMETRICS)
@pytest.mark.parametrize("n", [0, 1, 4])
def test_without_relevant_items_it_is_0(name, n):
    score = torch.linspace(0, 1, n, dtype=torch.float64)
    assert_worth(compiled(name), 0, score, torch.zeros(n).bool())


@pytest.mark.parametrize("name", TORCHMETRICS)
def test_one_query_is_what_is_ranked_if_no_group_is_given(name):
    for score, relevant in ranked(2, 40):
        one = compiled(name)
        same = torch.full(score.shape, -7)
        assert one.metric(score, relevant) == one.metric(score, relevant, same)
        ours, theirs = one.comparisons(score, relevant), one.comparisons(score, relevant, same)
        assert torch.equal(ours, theirs)
