"""Multi-class metrics against scikit-learn and torchmetrics."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from tests.specs.batches import assert_worth, classified, compiled


def quietly(function, *args, **kwargs):
    """What scikit-learn gives; NaN or a warning, where it has no value, becomes 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.nan_to_num(float(function(*args, **kwargs)))


WORTH = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "macro_f1": lambda label, predicted: sk.f1_score(label, predicted, average="macro"),
    "matthews_corrcoef": sk.matthews_corrcoef,
    "cohen_kappa": sk.cohen_kappa_score,
    # without `labels` scikit-learn numbers the classes that occur, and 0 and 7 would be neighbours
    "quadratic_weighted_kappa": lambda label, predicted: sk.cohen_kappa_score(
        label, predicted, weights="quadratic", labels=np.arange(8)
    ),
    "within_one": lambda label, predicted: np.mean(np.abs(label - predicted) <= 1),
}


@pytest.mark.parametrize("name", WORTH)
def test_is_scikit_learns_on_the_first_of_the_best_classes(name):
    for scores, label in classified():
        predicted = scores.numpy().argmax(1)  # of equal scores the first, as the spec has it
        want = quietly(WORTH[name], label.numpy(), predicted)
        assert_worth(compiled(name), want, scores, label)


TORCHMETRICS = {
    "accuracy": lambda s, y, p: tm.multiclass_accuracy(s, y, p, average="micro"),
    "macro_f1": lambda s, y, p: tm.multiclass_f1_score(s, y, p, average="macro"),
    "matthews_corrcoef": lambda s, y, p: tm.multiclass_matthews_corrcoef(s, y, p),
    "cohen_kappa": lambda s, y, p: tm.multiclass_cohen_kappa(s, y, p),
    "quadratic_weighted_kappa": lambda s, y, p: tm.multiclass_cohen_kappa(s, y, p, "quadratic"),
}


@pytest.mark.parametrize("name", TORCHMETRICS)
def test_is_torchmetrics_where_it_has_a_value(name):
    compared = 0
    for scores, label in classified(1):
        # with two classes torchmetrics' Matthews coefficient has rules of its own at 0 / 0
        if scores.shape[1] < 3 or label.unique().numel() < 2:
            continue
        want = TORCHMETRICS[name](scores, label, scores.shape[1]).item()
        if np.isfinite(want):
            got = compiled(name).metric(scores, label).item()
            assert got == pytest.approx(want, abs=1e-6)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy_is_scikit_learns_without_ties(k):
    one, compared = compiled("top_k_accuracy", k=k), 0
    for scores, label in classified(2):
        p = scores.shape[1]
        if scores.unique().numel() == scores.numel() and p > 2 and k < p:
            want = sk.top_k_accuracy_score(label, scores, k=k, labels=np.arange(p))
            assert_worth(one, want, scores, label)
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy_ranks_the_first_of_tied_classes_higher(k):
    for scores, label in classified(3):
        best = np.argsort(-scores.numpy(), axis=1, kind="stable")[:, :k]
        want = np.mean([y in row for y, row in zip(label.tolist(), best.tolist(), strict=True)])
        assert_worth(compiled("top_k_accuracy", k=k), want, scores, label)


@pytest.mark.parametrize("name", [*WORTH, "top_k_accuracy"])
def test_nothing_is_worth_0(name):
    scores, label = torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, dtype=torch.long)
    assert_worth(compiled(name), 0, scores, label)


@pytest.mark.parametrize("name", ["matthews_corrcoef", "cohen_kappa", "quadratic_weighted_kappa"])
def test_a_batch_of_one_class_is_worth_0_however_good_the_predictions(name):
    label = torch.full((4,), 1)
    right = torch.nn.functional.one_hot(label, 3).double()
    wrong = right.roll(1, 1)
    for scores in (right, wrong):
        assert_worth(compiled(name), 0, scores, label)
