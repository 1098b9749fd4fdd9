"""Areas and points of the precision-recall and ROC curves against scikit-learn."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.functional.classification import binary_average_precision

from tests.specs.batches import assert_worth, compiled, grouped, queries, ranked


def average_precision(score, relevant):
    return sk.average_precision_score(relevant, score) if relevant.any() else 0


def auroc(score, relevant, max_fpr=None):
    if relevant.all() or not relevant.any():
        return 0.5
    return sk.roc_auc_score(relevant, score, max_fpr=max_fpr)


def roc_curve(score, relevant):
    """False and true positive rates at every threshold; the first accepts nothing."""
    rates = sk.roc_curve(relevant, score, drop_intermediate=False)[:2]
    return [np.nan_to_num(rate) for rate in rates]


def tpr_at_fpr(score, relevant, fpr=0.01):
    false, true = roc_curve(score, relevant)
    return true[false <= fpr].max()


def fnmr_at_fmr(score, relevant, fmr=0.01):
    return 1 - tpr_at_fpr(score, relevant, fmr) if relevant.any() else 0


def equal_error_rate(score, relevant):
    if relevant.all() or not relevant.any():
        return 0
    false, true = roc_curve(score, relevant)
    return np.maximum(false, 1 - true).min()


WORTH = [
    ("average_precision", average_precision, {}),
    ("auroc", auroc, {}),
    *[("partial_auroc", auroc, {"max_fpr": share}) for share in (0.1, 0.4, 1)],
    *[("tpr_at_fpr", tpr_at_fpr, {"fpr": rate}) for rate in (0.01, 0.5)],
    *[("fnmr_at_fmr", fnmr_at_fmr, {"fmr": rate}) for rate in (0.01, 0.5)],
    ("equal_error_rate", equal_error_rate, {}),
]
UNDEFINED = pytest.mark.filterwarnings("ignore:No (negative|positive) samples")


@UNDEFINED
@pytest.mark.parametrize(("name", "worth", "params"), WORTH)
def test_is_scikit_learns(name, worth, params):
    for score, relevant in ranked():
        assert_worth(compiled(name, **params), worth(score, relevant, **params), score, relevant)


@UNDEFINED
@pytest.mark.parametrize(("name", "worth", "params"), WORTH)
def test_is_the_mean_of_scikit_learns_over_queries(name, worth, params):
    for score, relevant, group in grouped(count=150):
        values = [worth(*query, **params) for query in queries(group, score, relevant)]
        assert_worth(compiled(name, **params), np.mean(values), score, relevant, group)


def test_average_precision_is_torchmetrics():
    for score, relevant in ranked(3):
        if relevant.any():
            chance = score.sigmoid()
            want = binary_average_precision(chance, relevant.long()).item()
            got = compiled("average_precision").metric(chance, relevant).item()
            assert got == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("rate", [0.07, 0.29, 0.58])
def test_a_rate_that_is_met_exactly_is_kept(rate):
    """0.29 * 100 is 28.999999999999996, and 29 false positives of 100 are a rate of 0.29."""
    count = round(rate * 100)
    score = torch.cat([torch.tensor([0.0]), torch.ones(count), -torch.ones(100 - count)]).double()
    relevant = torch.arange(101) == 0
    for dtype in (torch.float64, torch.float32):
        assert compiled("tpr_at_fpr", fpr=rate).metric(score.to(dtype), relevant) == 1
        assert compiled("fnmr_at_fmr", fmr=rate).metric(score.to(dtype), relevant) == 0


@functools.cache
def envelope(order: tuple[bool, ...]) -> float:
    """UniLoss's evaluation, step by step: recall steps times the best precision from there on."""
    positives = sum(order)
    hits, precisions, recalls = 0, [], [0.0]
    for place, positive in enumerate(order, start=1):
        hits += positive
        precisions.append(hits / place)
        recalls.append(hits / positives)
    steps = np.diff(recalls)
    return sum(step * max(precisions[place:]) for place, step in enumerate(steps))


def test_interpolated_average_precision_is_the_area_under_the_envelope():
    """A negative that ties with a positive is ranked before it."""
    for score, relevant in ranked():
        pairs = sorted(zip((-score).tolist(), relevant.tolist(), strict=True))
        want = envelope(tuple(positive for _, positive in pairs)) if relevant.any() else 1
        assert_worth(compiled("interpolated_average_precision"), want, score, relevant)


EMPTY = {
    "average_precision": 0,
    "interpolated_average_precision": 1,
    "auroc": 0.5,
    "partial_auroc": 0.5,
    "tpr_at_fpr": 0,
    "fnmr_at_fmr": 0,
    "equal_error_rate": 0,
}


@pytest.mark.parametrize(("name", "want"), EMPTY.items())
@pytest.mark.parametrize("n", [0, 1, 5])
def test_without_positives_it_is_a_constant(name, want, n):
    score = torch.linspace(0, 1, n, dtype=torch.float64)
    assert_worth(compiled(name), want, score, torch.zeros(n).bool())


@pytest.mark.parametrize("name", EMPTY)
def test_an_order_without_mistakes_is_the_best(name):
    one = compiled(name)
    score = torch.linspace(1, 0, 6, dtype=torch.float64)
    want = 0 if one.spec.goal.kind == "minimize" else 1
    assert_worth(one, want, score, torch.arange(6) < 3)
    assert one.metric(-score, torch.arange(6) < 3).item() != want
