"""PCKh and PCK as the benchmarks count them, from code that shares nothing with the specs.

Places and lengths are shares of an image's side here, as the data of the pose task has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from lossc.models.data.joints import COUNTED, GROUPS, JOINTS, Joint
from lossc.models.heatmap_decoding import by_argmax


def places(heatmap: Tensor) -> Tensor:
    """Where the joints are found: at each map's peak, and a quarter of a cell up its slope.

    Source: Newell, Yang and Deng (ECCV 2016), section 3.2.

    Args:
        heatmap: ``[n, k, h, w]``, on any scale.

    Returns:
        ``[n, k, 2]``: x, y as shares of the sides.
    """
    return by_argmax(heatmap, threshold=float("-inf"), quarter=True)


def summary(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the figures of this module read: places, and the targets they are compared with.

    Args:
        output: Maps of each stack, ``[n, s, k, h, w]``; those of the last one count.
        targets: ``joint``: ``[n, k, 2]``, ``visible``: ``bool[n, k]``, ``head``, ``torso``:
            ``[n]``.
    """
    return {"place": places(output[:, -1]), **targets}


@dataclass(frozen=True)
class SomeJoints:
    """The summary of a network that has maps for some of the joints only.

    Args:
        joints: In the order of the maps.
    """

    joints: tuple[Joint, ...]

    def __call__(self, output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As :func:`summary`, with all 16 joints; those without a map are not visible.

        Args:
            output: ``[n, s, k, h, w]``, a map for each of :attr:`joints`.
            targets: Of all 16 joints.
        """
        index = [JOINTS.index(joint) for joint in self.joints]
        place = torch.full_like(targets["joint"], 0.5)
        place[:, index] = places(output[:, -1]).to(place.dtype)
        asked = torch.zeros_like(targets["visible"])
        asked[:, index] = targets["visible"][:, index]
        return {"place": place, **targets, "visible": asked}


def shares_found(found: Mapping[str, Tensor], length: str, alpha: float) -> dict[str, float]:
    """The share of each joint's annotated instances that are found near enough.

    Args:
        found: Of :func:`summary`.
        length: ``head`` or ``torso``: what the distance is compared with.
        alpha: The largest distance, in these lengths.

    Returns:
        By joint, by group (``head``, ``shoulder``, ...), and ``mean``. A group is the mean of its
        joints, ``mean`` is over all instances of all joints but pelvis and thorax, as in the
        benchmark's own evaluation. NaN where nothing is annotated.
    """
    near = torch.linalg.vector_norm(found["place"] - found["joint"], dim=-1)
    right = (near <= alpha * found[length][:, None]) & found["visible"].bool()
    hits, of = right.sum(dim=0).double(), found["visible"].sum(dim=0).double()
    shares: dict[str, float] = dict(zip(JOINTS, (hits / of).tolist(), strict=True))
    for group, joints in GROUPS.items():
        members = [shares[JOINTS[joint]] for joint in joints if of[joint] > 0]
        shares[group] = sum(members) / len(members) if members else nan
    counted = list(COUNTED)
    shares["mean"] = float(hits[counted].sum() / of[counted].sum())
    return shares


def pckh(found: Mapping[str, Tensor]) -> float:
    """PCKh@0.5: within half a head's length.

    Source: Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis
    (CVPR 2014).

    Args:
        found: Of :func:`summary`.
    """
    return shares_found(found, "head", 0.5)["mean"]


def pck(found: Mapping[str, Tensor]) -> float:
    """PCK@0.2: within a fifth of a torso's length.

    Source: Yang and Ramanan, Articulated Human Detection with Flexible Mixtures of Parts (TPAMI
    2013); Ryou, Jeong and Perona, Anchor Loss (ICCV 2019), section 4.2.

    Args:
        found: Of :func:`summary`.
    """
    return shares_found(found, "torso", 0.2)["mean"]


@dataclass(frozen=True)
class GroupShare:
    """One figure of :func:`shares_found`, as a metric; it travels to worker processes.

    Args:
        group: A joint, a group of joints, or ``mean``.
        length: As :func:`shares_found` takes it, and so is ``alpha``.
        alpha: In these lengths.
    """

    group: str
    length: str
    alpha: float

    def __call__(self, found: Mapping[str, Tensor]) -> float:
        """The share, of :func:`summary`."""
        return shares_found(found, self.length, self.alpha)[self.group]


def guess(targets: Mapping[str, Tensor], place: Tensor | None = None) -> dict[str, Tensor]:
    """What somebody finds who does not look: the same places in every image.

    Args:
        targets: Of a split.
        place: ``[k, 2]``, for instance from :func:`mean_places`. ``None``: the middle.

    Returns:
        As :func:`summary`.
    """
    middle = torch.full_like(targets["joint"], 0.5)
    return {"place": middle if place is None else place.expand_as(middle), **targets}


def mean_places(targets: Mapping[str, Tensor]) -> Tensor:
    """The mean place of each joint, ``[k, 2]``; the middle where a joint is never annotated."""
    weight = targets["visible"].to(targets["joint"].dtype)[..., None]
    total = weight.sum(dim=0)
    mean = (targets["joint"] * weight).sum(dim=0) / total.clamp_min(1)
    return torch.where(total > 0, mean, torch.full_like(mean, 0.5))
