"""Segmentation metrics against torchmetrics, and over confusion matrices of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torchmetrics.functional import classification as tm

from tests.specs.batches import assert_worth, compiled, segmented


def confusion(scores, label):
    """Pixels by label and prediction; of equal scores the first, as the specs have it."""
    predicted, label = scores.numpy().argmax(1).ravel(), label.numpy().ravel()
    kept = label != 255
    classes = np.arange(scores.shape[1])
    if not kept.any():
        return np.zeros((len(classes), len(classes)))
    return confusion_matrix(label[kept], predicted[kept], labels=classes)


def mean_iou(table):
    inter, union = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    return (inter[union > 0] / union[union > 0]).mean() if union.any() else 0


def dice(table):
    inter, sizes = np.diag(table), table.sum(0) + table.sum(1)
    return (2 * inter[sizes > 0] / sizes[sizes > 0]).mean() if sizes.any() else 0


def pixel_accuracy(table):
    return np.diag(table).sum() / table.sum() if table.any() else 0


WORTH = {"mean_iou": mean_iou, "dice": dice, "pixel_accuracy": pixel_accuracy}


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize("name", WORTH)
def test_is_that_of_the_confusion_matrix(name):
    for scores, label in segmented():
        assert_worth(compiled(name), WORTH[name](confusion(scores, label)), scores, label)


TORCHMETRICS = {
    "mean_iou": lambda *args: tm.multiclass_jaccard_index(*args, ignore_index=255),
    "dice": lambda *args: tm.multiclass_f1_score(*args, average="macro", ignore_index=255),
    "pixel_accuracy": lambda *args: tm.multiclass_accuracy(
        *args, average="micro", ignore_index=255
    ),
}


@pytest.mark.parametrize("name", TORCHMETRICS)
def test_is_torchmetrics(name):
    compared = 0
    for scores, label in segmented(1):
        if scores.shape[1] > 1 and (label != 255).any():
            want = TORCHMETRICS[name](scores, label, scores.shape[1]).item()
            assert compiled(name).metric(scores, label).item() == pytest.approx(want, abs=1e-6)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("name", WORTH)
def test_another_value_may_mark_what_is_ignored(name):
    scores, label = next(segmented(2))
    moved = torch.where(label == 255, -1, label)
    got = compiled(name, ignore_index=-1).metric(scores, moved)
    assert got == compiled(name).metric(scores, label)


@pytest.mark.parametrize("name", WORTH)
def test_ignored_pixels_neither_count_nor_learn(name):
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(1, 3, 2, 4, generator=generator).requires_grad_()
    label = torch.randint(3, (1, 2, 4), generator=generator)
    label[0, 0] = 255
    compiled(name).loss()(scores, label).backward()
    assert scores.grad.isfinite().all()
    assert (scores.grad[0, :, 0] == 0).all()
    assert (scores.grad[0, :, 1] != 0).any()


@pytest.mark.parametrize("name", WORTH)
@pytest.mark.parametrize("n", [0, 2])
def test_nothing_labelled_is_worth_0(name, n):
    scores = torch.zeros(n, 3, 2, 2, dtype=torch.float64)
    assert_worth(compiled(name), 0, scores, torch.full((n, 2, 2), 255))
