"""Former batches beside the current one, for metrics that a small batch says little about."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MemoryQueue(nn.Module):
    """The last scores and targets of former batches, without gradient.

    A batch of 16 at 1:9 holds no positive at all in 18% of steps, and one or two in most others.
    With the last thousand scores beside it, each of its scores has something to be ranked against.
    The scores of former batches are those of former weights.

    Source: He et al. 2020 (momentum contrast) and Wang et al. 2020 (cross-batch memory), for queues
    of former embeddings.

    Args:
        size: How many items are kept at the most.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.kept: tuple[Tensor, ...] = ()

    def beside(
        self, inputs: tuple[Tensor, ...], dims: tuple[int | None, ...]
    ) -> tuple[Tensor, ...]:
        """The inputs with former ones behind them; they are kept for the next call.

        In ``eval()`` the inputs come back as they are.

        Args:
            inputs: Of one batch.
            dims: The batch dim of each; ``None``: it has none, and is left alone.
        """
        if not self.training:
            return inputs
        joined, kept = [], []
        for place, (value, dim) in enumerate(zip(inputs, dims, strict=True)):
            if dim is None:
                joined.append(value)
                kept.append(value.detach())
                continue
            whole = value
            if self.kept and fits_behind(self.kept[place], value, dim):
                former = self.kept[place].to(device=value.device, dtype=value.dtype)
                whole = torch.cat([value, former], dim)
            joined.append(whole)
            kept.append(whole.detach().narrow(dim, 0, min(self.size, whole.shape[dim])).clone())
        self.kept = tuple(kept)
        return tuple(joined)

    def forget(self) -> None:
        """Empties the queue: before other data, or a new epoch of one's own choice."""
        self.kept = ()

    def get_extra_state(self) -> list[Tensor]:
        """What a ``state_dict`` keeps of it."""
        return list(self.kept)

    def set_extra_state(self, state: list[Tensor]) -> None:
        """Takes up what was kept."""
        self.kept = tuple(state)

    def extra_repr(self) -> str:
        """Its size."""
        return f"size={self.size}"


def fits_behind(former: Tensor, value: Tensor, dim: int) -> bool:
    """Whether former values have the sizes of new ones, but for the batch."""
    if former.ndim != value.ndim:
        return False
    sizes = zip(former.shape, value.shape, strict=True)
    return all(a == b for axis, (a, b) in enumerate(sizes) if axis != dim)
