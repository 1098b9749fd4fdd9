"""Metrics of a score against a graded or continuous target: scikit-learn, scipy, Harrell's rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk

from tests.specs.batches import BATCHES, assert_worth, compiled, queries, scores_of


def pairs(seed=0, count=BATCHES):
    """``score``, ``target`` and ``group``; either may tie, or be all equal."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        n = 1 + int(torch.randint(10, (), generator=generator))
        score = scores_of((n,), number, generator)
        target = scores_of((n,), number // 2, generator)
        if number % 11 == 0:
            target = torch.full_like(target, 0.5)
        yield score, target, torch.randint(3, (n,), generator=generator)


def ndcg(score, gain):
    if len(score) == 1:  # which scikit-learn refuses
        return float(gain > 0)
    return sk.ndcg_score(gain[None], score[None])


def correlation(function):
    def worth(score, target):
        if len(score) < 2 or score.unique().numel() < 2 or target.unique().numel() < 2:
            return 0
        return function(score, target).statistic

    return worth


WORTH = {
    "ndcg": ndcg,
    "spearman": correlation(stats.spearmanr),
    "kendall_tau": correlation(stats.kendalltau),
}


def grades(name, target):
    """Gains are not negative."""
    return target.clamp_min(0) if name == "ndcg" else target


@pytest.mark.parametrize("name", WORTH)
def test_is_scikit_learns_or_scipys(name):
    for score, target, _ in pairs():
        target = grades(name, target)
        assert_worth(compiled(name), WORTH[name](score, target), score, target)


@pytest.mark.parametrize("name", WORTH)
def test_is_the_mean_over_queries(name):
    for score, target, group in pairs(1, 150):
        target = grades(name, target)
        values = [WORTH[name](*query) for query in queries(group, score, target)]
        assert_worth(compiled(name), np.mean(values), score, target, group)


@pytest.mark.parametrize("name", WORTH)
def test_the_order_of_the_target_is_the_best(name):
    for score, target, _ in pairs(2, 60):
        target = grades(name, target)
        one = compiled(name)
        best = one.metric(target, target)
        assert best >= one.metric(score, target) - 1e-12
        if target.unique().numel() > 1:
            assert best.item() == pytest.approx(1)


@pytest.mark.parametrize("name", WORTH)
def test_nothing_is_worth_0(name):
    nothing = torch.zeros(0, dtype=torch.float64)
    assert_worth(compiled(name), 0, nothing, nothing)


def test_every_configuration_of_ndcg_has_a_value():
    """Also those that no scores have, with as many items above as above or beside."""
    score = torch.zeros(4, dtype=torch.float64)
    gain = torch.tensor([3.0, 0.0, 2.0, 1.0], dtype=torch.float64)
    size = compiled("ndcg").comparisons(score, gain).shape[0]
    bits = torch.rand(500, size, generator=torch.Generator().manual_seed(0)) < 0.5
    values = compiled("ndcg").evaluate_binaries(bits, score, gain)
    assert values.isfinite().all()
    assert (values > 0).all()
    assert values.unique().numel() > 100


def survivals(seed=0):
    """Scores, times and events; whole times tie, and some items are censored."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(BATCHES):
        n = int(torch.randint(11, (), generator=generator))
        time = torch.rand(n, generator=generator, dtype=torch.float64) * 5
        time = time.ceil() if number % 3 else time
        yield (
            scores_of((n,), number, generator),
            time,
            torch.rand(n, generator=generator) < (number % 5) / 4,
        )


def harrell(score, time, event):
    """Every ordered pair whose order in time is certain, one by one."""
    right, judged = 0.0, 0
    for i, j in itertools.permutations(range(len(score)), 2):
        later = time[j] > time[i] or (time[j] == time[i] and not event[j])
        if event[i] and later:
            judged += 1
            right += 1 if score[i] < score[j] else 0.5 if score[i] == score[j] else 0
    return right / judged if judged else 0.5


def test_concordance_is_harrells():
    for score, time, event in survivals():
        want = harrell(score.tolist(), time.tolist(), event.tolist())
        assert_worth(compiled("concordance_index"), want, score, time, event)


def test_concordance_without_censoring_is_somers_d_of_scipy():
    compared = 0
    for score, time, _ in survivals(1):
        if time.unique().numel() > 1 and score.unique().numel() > 1:
            want = (1 + stats.somersd(time.numpy(), score.numpy()).statistic) / 2
            event = torch.ones_like(time).bool()
            assert_worth(compiled("concordance_index"), want, score, time, event)
            compared += 1
    assert compared > 200
