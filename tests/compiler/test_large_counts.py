"""Counts of large batches: their products do not overflow, and metrics of pairs do not need all."""

from __future__ import annotations

import pytest
import torch
from sklearn import metrics

import lossc

MATTHEWS = (
    "spec t\ninput score: real[n]\ninput y: bool[n]\n"
    "let tp = count[i | y[i] and score[i] > 0]\nlet fn = count[i | y[i] and not score[i] > 0]\n"
    "let fp = count[i | not y[i] and score[i] > 0]\n"
    "let tn = count[i | not y[i] and not score[i] > 0]\n"
    "evaluate (tp * tn - fp * fn) / sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) else 0\n"
    "truth score[i] = where(y[i], 1, -1)"
)


@pytest.mark.parametrize("n", [100_000, 300_000])
def test_products_of_counts_do_not_overflow(n):
    generator = torch.Generator().manual_seed(n)
    scores = torch.randn(n, 3, generator=generator)
    label = torch.where(
        torch.rand(n, generator=generator) < 0.6,
        scores.argmax(1),
        torch.randint(3, (n,), generator=generator),
    )
    one = lossc.compile("matthews_corrcoef")
    expected = metrics.matthews_corrcoef(label, scores.argmax(1))
    for value in (one.metric(scores, label), one.refactored(scores, label)):
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(expected, rel=1e-5)
    score = scores[:, 0]
    own = lossc.compile(MATTHEWS)
    assert own.metric(score, score > 0) == own.refactored(score, score > 0) == 1


def test_a_product_over_ranks_does_not_overflow():
    text = (
        "spec t\ninput x: real[n]\ninput y: bool[n]\n"
        "let place[i] = rank[j] x[j] at i\nminimize prod[i | y[i]] place[i]"
    )
    one = lossc.compile(text, interpolation="perturbed")
    value = one.metric(torch.arange(30.0), torch.ones(30).bool())
    assert value.item() == pytest.approx(2.6525285981219107e32, rel=1e-5)  # 30!


def test_small_products_stay_whole():
    one = lossc.compile("quadratic_weighted_kappa")
    assert "one_hot" not in one.source()
    scores = torch.randn(50, 4)
    label = torch.arange(50) % 4
    expected = metrics.cohen_kappa_score(label, scores.argmax(1), weights="quadratic")
    assert one.metric(scores, label).item() == pytest.approx(expected, abs=1e-6)


def test_metrics_of_many_pairs_are_sorted():
    generator = torch.Generator().manual_seed(0)
    score = torch.randint(0, 900, (60_000,), generator=generator).double()
    relevant = torch.rand(60_000, generator=generator) < 0.1
    for name, theirs in (
        ("auroc", metrics.roc_auc_score),
        ("average_precision", metrics.average_precision_score),
    ):
        one = lossc.compile(name)  # 3.6e9 comparisons would take gigabytes
        expected = theirs(relevant, score)
        for value in (one.metric(score, relevant), one.refactored(score, relevant)):
            assert value.item() == pytest.approx(expected, rel=1e-12)
        metric = lossc.Metric(name)
        metric.update(score, relevant)
        assert metric.compute().item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "name", ["ndcg", "spearman", "precision_at_k", "reciprocal_rank", "equal_error_rate", "auroc"]
)
def test_sorted_counts_are_those_of_all_comparisons(name):
    generator = torch.Generator().manual_seed(5)
    one = lossc.compile(name)
    for number in range(4):
        score = torch.randint(0, 40 * 10**number, (600,), generator=generator).double()
        group = torch.randint(0, 1 + number, (600,), generator=generator)
        other = torch.randint(0, 2, (600,), generator=generator)
        other = other.double() if name in ("ndcg", "spearman") else other.bool()
        expected = one.metric(score, other, group)  # below the size at which it sorts
        torch.testing.assert_close(
            one.refactored(score, other, group), expected, rtol=1e-10, atol=1e-12
        )
