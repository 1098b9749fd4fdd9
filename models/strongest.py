"""The label and its strongest rivals: what a loss of many classes may be confined to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class StrongestRivals(nn.Module):
    """A loss of class scores that sees the label's score and the highest of the others only.

    All other scores have no part in the loss and no gradient. This is what UniLoss's public code
    does on CIFAR-100, with 20 of 99 rivals (section 4.4.2: a portion of the comparisons is trained
    in each update). Classes keep their order, so that ties are broken as among all of them; of
    equal rivals at the border those of lower index are kept.

    Args:
        loss: Called with ``scores`` and ``label``.
        count: Rivals of each example, at least 1; where there are no more, all classes are seen.
    """

    def __init__(self, loss: nn.Module, count: int):
        super().__init__()
        if count < 1:
            raise ValueError(f"the number of rivals is at least 1, not {count}")
        self.loss = loss
        self.count = count

    def forward(self, scores: Tensor, label: Tensor) -> Tensor:
        """The loss of the sub-problem, a scalar.

        Args:
            scores: ``[n, p]``.
            label: ``int64[n]`` in 0..p-1.
        """
        if scores.shape[1] <= self.count + 1:
            value: Tensor = self.loss(scores=scores, label=label)
            return value
        seen, place = strongest(scores.detach(), label, self.count)
        value = self.loss(scores=scores.gather(1, seen), label=place)
        return value

    def __getattr__(self, name: str) -> Any:
        """What a trainer asks of a loss besides its value (``set_epoch``) is asked of the loss."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("loss"), name)


def strongest(scores: Tensor, label: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The label and the ``count`` classes with the highest scores besides it.

    Args:
        scores: ``[n, p]``, ``p > count + 1``.
        label: ``int64[n]``.
        count: At least 1.

    Returns:
        Classes ``int64[n, count + 1]``, ascending, and the label's place among them, ``int64[n]``.
    """
    # stable: of equal scores the lower index comes first
    order = scores.sort(dim=1, descending=True, stable=True).indices
    rivals = order[order != label[:, None]].reshape(len(label), -1)[:, :count]
    seen = torch.cat([label[:, None], rivals], dim=1).sort(dim=1).values
    return seen, (seen < label[:, None]).sum(dim=1)
