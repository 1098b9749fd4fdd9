"""What Anchor Loss is judged by besides a metric: hard samples, where it adds, double counting.

Ryou, Jeong and Perona, Anchor Loss: Modulating Loss Scale Based on Prediction Difficulty (ICCV
2019), figures 5 and 7 and section 4.2. None of these carries a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus


@torch.no_grad()
def hard_share(logits: Tensor, label: Tensor, ignore_index: int = -100) -> float:
    """The share of examples whose best background class is above the target (figure 5).

    Logits are compared, which are in the order of their probabilities, sigmoid or softmax, and
    differ where those are rounded to 1. A tie is not hard.

    Args:
        logits: ``[n, k]``; or probabilities.
        label: ``[n]``, classes in ``[0, k)``.
        ignore_index: The label of examples that are left out.

    Returns:
        A number in [0, 1]; NaN without examples.

    Raises:
        ValueError: The shapes do not fit, or a label is no class.
    """
    if logits.ndim != 2 or label.shape != logits.shape[:1]:
        raise ValueError(_shapes("[n, k] and [n]", logits, label))
    kept = label != ignore_index
    logits, label = logits[kept], label[kept]
    if not len(label):
        return nan
    if not bool(((label >= 0) & (label < logits.shape[1])).all()):
        raise ValueError(f"a label is not in [0, {logits.shape[1]})")
    target = logits.gather(1, label[:, None])
    return float((logits > target).any(dim=1).double().mean())


@torch.no_grad()
def anchor_excess(heatmap: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """By how much Anchor Loss exceeds binary cross entropy at each pixel (figure 7; eqs. 3 to 5).

    Positive where a pixel of the background is above the joint's best probability, negative where
    it is below; 0 where the target is above 0, and in maps without a target above 0.5, which are
    not modulated. The figure shows ``anchor_excess(...) > 0``.

    Args:
        heatmap: Logits ``[..., h, w]``.
        target: ``[..., h, w]``, a Gaussian at the joint that is cut off to zeros.
        gamma: Not negative.

    Returns:
        ``[..., h, w]``, in nats.

    Raises:
        ValueError: The shapes differ, or gamma is negative.
    """
    if heatmap.shape != target.shape or heatmap.ndim < 2:
        raise ValueError(_shapes("the same [..., h, w]", heatmap, target))
    if not gamma >= 0:
        raise ValueError(f"gamma is not in [0, inf): {gamma}")
    if not heatmap.numel():
        return torch.zeros_like(heatmap)
    q = heatmap.sigmoid()
    near = target > 0.5
    anchor = q.masked_fill(~near, -1).amax(dim=(-2, -1), keepdim=True)
    modulated = (target == 0) & (anchor >= 0)
    excess = ((1 + q - anchor) ** gamma - 1) * softplus(heatmap)
    return excess.where(modulated, torch.zeros_like(excess))


@torch.no_grad()
def peaks(heatmap: Tensor, radius: int = 3, share: float = 0.5) -> Tensor:
    """The peaks of heatmaps: pixels that no other within ``radius`` rows and columns is above.

    Of equal pixels that near the first is the peak, row by row.

    Args:
        heatmap: Scores that are not negative, as probabilities, ``[..., h, w]``.
        radius: At least 1.
        share: A peak has at least this share of its map's highest score, and more than 0.

    Returns:
        Flags ``[..., h, w]``.

    Raises:
        ValueError: The radius is below 1, or a score is negative.
    """
    if heatmap.ndim < 2 or radius < 1:
        raise ValueError(f"peaks need [..., h, w] and a radius of at least 1, not {radius}")
    if not heatmap.numel():
        return torch.zeros_like(heatmap, dtype=torch.bool)
    if bool((heatmap < 0).any()):
        raise ValueError("scores are negative: give probabilities, as heatmap.sigmoid()")
    h, w = heatmap.shape[-2:]
    wide = pad(heatmap, (radius, radius, radius, radius), value=float("-inf"))
    found = (heatmap > 0) & (heatmap >= share * heatmap.amax(dim=(-2, -1), keepdim=True))
    for y in range(2 * radius + 1):
        for x in range(2 * radius + 1):
            other = wide[..., y : y + h, x : x + w]
            if (y, x) < (radius, radius):
                found &= heatmap > other
            elif (y, x) > (radius, radius):
                found &= heatmap >= other
    return found


@dataclass(frozen=True)
class DoubleCounting:
    """Maps with several peaks (section 4.2).

    Args:
        maps: Maps of visible joints.
        several: Those with more than one peak.
        right: Those of several peaks whose highest one is at the joint.
    """

    maps: int
    several: int
    right: int

    @property
    def share_several(self) -> float:
        """NaN without maps."""
        return self.several / self.maps if self.maps else nan

    @property
    def share_right(self) -> float:
        """The ratio of the paper; NaN where no map has several peaks."""
        return self.right / self.several if self.several else nan

    def __add__(self, other: DoubleCounting) -> DoubleCounting:
        """Of two batches together."""
        return DoubleCounting(
            self.maps + other.maps, self.several + other.several, self.right + other.right
        )


@torch.no_grad()
def double_counting(
    heatmap: Tensor,
    joint: Tensor,
    within: Tensor | float,
    visible: Tensor | None = None,
    *,
    radius: int = 3,
    share: float = 0.5,
) -> DoubleCounting:
    """How many maps show a joint more than once, and how often the best peak is right.

    The paper does not say what a second peak is: see ``radius`` and ``share`` of :func:`peaks`.

    Args:
        heatmap: Probabilities ``[n, k, h, w]``.
        joint: Where the joints are, ``[n, k, 2]``: x, y in pixels of the maps.
        within: The largest distance that is right, a number or ``[n]``: half a head segment
            for PCKh.
        visible: Flags ``[n, k]``; all maps without them.
        radius: Peaks this near to each other are one.
        share: Of the highest score, below which a peak does not count.

    Raises:
        ValueError: The shapes do not fit, or a score is negative.
    """
    if heatmap.ndim != 4 or joint.shape != (*heatmap.shape[:2], 2):
        raise ValueError(_shapes("[n, k, h, w] and [n, k, 2]", heatmap, joint))
    limit = torch.as_tensor(within, dtype=joint.dtype, device=joint.device)
    if limit.ndim and limit.shape != heatmap.shape[:1]:
        raise ValueError(_shapes("[n, k, h, w] and [n]", heatmap, limit))
    shown = torch.ones_like(joint[..., 0], dtype=torch.bool) if visible is None else visible.bool()
    if shown.shape != heatmap.shape[:2]:
        raise ValueError(_shapes("[n, k, h, w] and [n, k]", heatmap, shown))
    if not heatmap.numel():
        return DoubleCounting(0, 0, 0)
    several = shown & (peaks(heatmap, radius, share).sum(dim=(-2, -1)) > 1)
    best = heatmap.flatten(2).argmax(dim=2)
    w = heatmap.shape[-1]
    place = torch.stack([best % w, best.div(w, rounding_mode="floor")], dim=-1)
    distance = (place - joint).square().sum(dim=-1).sqrt()
    right = several & (distance <= (limit[:, None] if limit.ndim else limit))
    return DoubleCounting(int(shown.sum()), int(several.sum()), int(right.sum()))


def _shapes(wanted: str, *given: Tensor) -> str:
    return f"shapes must be {wanted}, not {' and '.join(str(list(each.shape)) for each in given)}"
