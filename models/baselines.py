"""The losses that a compiled one is compared with: torch's own, called with a task's inputs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class CrossEntropy(nn.Module):
    """Softmax cross entropy, in nats, averaged over the batch."""

    def forward(self, scores: Tensor, label: Tensor) -> Tensor:
        """Return a scalar.

        Args:
            scores: ``[n, p]``, logits.
            label: ``int64[n]`` in 0..p-1.
        """
        return F.cross_entropy(scores, label)


class BinaryCrossEntropy(nn.Module):
    """Sigmoid cross entropy, in nats, averaged over the batch."""

    def forward(self, score: Tensor, relevant: Tensor) -> Tensor:
        """Return a scalar.

        Args:
            score: ``[n]``, logits.
            relevant: ``bool[n]``.
        """
        return F.binary_cross_entropy_with_logits(score, relevant.to(score.dtype))


class ClassBinaryCrossEntropy(nn.Module):
    """Sigmoid cross entropy of every class, summed over classes and averaged over the batch."""

    def forward(self, scores: Tensor, label: Tensor) -> Tensor:
        """Return a scalar, in nats.

        Args:
            scores: ``[n, p]``, logits.
            label: ``int64[n]`` in 0..p-1.
        """
        target = F.one_hot(label, scores.shape[1]).to(scores.dtype)
        each = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        return each.sum(dim=1).mean()


#: By the name that ``--loss`` takes; where a bundled spec has the same name, the baseline wins.
BASELINES: dict[str, type[nn.Module]] = {
    "cross_entropy": CrossEntropy,
    "bce": BinaryCrossEntropy,
    "class_bce": ClassBinaryCrossEntropy,
}

#: What each takes, as a spec would declare it.
BASELINE_INPUTS: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("scores", "label"),
    "bce": ("score", "relevant"),
    "class_bce": ("scores", "label"),
}
