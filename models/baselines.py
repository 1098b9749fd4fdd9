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


#: By the name that ``--loss`` takes; where a bundled spec has the same name, the baseline wins.
BASELINES: dict[str, type[nn.Module]] = {"cross_entropy": CrossEntropy, "bce": BinaryCrossEntropy}

#: What each takes, as a spec would declare it.
BASELINE_INPUTS: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("scores", "label"),
    "bce": ("score", "relevant"),
}
