"""Figures of merit for the evaluation, independent of the specs and of the compiler.

Each takes a task's inputs by name, over all examples of a split, and returns a number.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision, multiclass_accuracy

from lossc.models.analysis import hard_share


def accuracy(inputs: Mapping[str, Tensor]) -> float:
    """Share of examples whose highest score is their class's (torchmetrics, micro average).

    Args:
        inputs: ``scores``: ``[n, p]``, ``label``: ``int[n]`` in 0..p-1.
    """
    scores, label = inputs["scores"], inputs["label"]
    return float(multiclass_accuracy(scores, label, num_classes=scores.shape[1], average="micro"))


def top_5(inputs: Mapping[str, Tensor]) -> float:
    """Share of examples whose class is among the five of the highest scores (torchmetrics).

    Args:
        inputs: ``scores``: ``[n, p]`` with p of at least 5, ``label``: ``int[n]`` in 0..p-1.
    """
    scores, label = inputs["scores"], inputs["label"]
    found = multiclass_accuracy(
        scores, label, num_classes=scores.shape[1], top_k=5, average="micro"
    )
    return float(found)


def hard_samples(inputs: Mapping[str, Tensor]) -> float:
    """Share of examples with a background class above the target (Anchor Loss, figure 5).

    Args:
        inputs: ``scores``: ``[n, p]``, ``label``: ``int[n]`` in 0..p-1.
    """
    return hard_share(inputs["scores"], inputs["label"])


def average_precision(inputs: Mapping[str, Tensor]) -> float:
    """Step-wise average precision (torchmetrics; what scikit-learn computes), 0 without positives.

    torchmetrics sends scores outside [0, 1] through a sigmoid, and large ones all become 1 there;
    the scores' dense ranks, scaled to [0, 1], keep the order and the ties and nothing else.

    Args:
        inputs: ``score``: ``[n]``, ``relevant``: ``bool[n]``.
    """
    relevant = inputs["relevant"]
    if not relevant.any():
        return 0.0
    ranks = torch.unique(inputs["score"], return_inverse=True)[1].double()
    ranks = ranks / ranks.max().clamp_min(1.0)
    return float(binary_average_precision(ranks, relevant.long()))


def interpolated_average_precision(inputs: Mapping[str, Tensor]) -> float:
    r"""All-point interpolated average precision, 1 without positives.

    With :math:`f_r` the negatives that score at least as high as the r-th best positive,

    .. math:: \frac1m \sum_{r=1}^m \max_{t \ge r} \frac{t}{t + f_t}

    Source: Liu, Wang and Deng, UniLoss, ECCV 2020, public code: the mean of the precision envelope
    at the positives. Ties there are in arbitrary order; here they count against the positive.

    Args:
        inputs: ``score``: ``[n]``, ``relevant``: ``bool[n]``.
    """
    score, relevant = inputs["score"], inputs["relevant"].bool()
    positives = torch.sort(score[relevant], descending=True).values
    if len(positives) == 0:
        return 1.0
    negatives = torch.sort(score[~relevant]).values
    above = len(negatives) - torch.searchsorted(negatives, positives)
    rank = torch.arange(1, len(positives) + 1, dtype=torch.float64, device=score.device)
    precision = rank / (rank + above)
    envelope = precision.flip(0).cummax(0).values.flip(0)
    return float(envelope.mean())
