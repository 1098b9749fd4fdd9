"""The joints of all pose data, in MPII's order: one network fits every set."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

#: MPII's 16 joints; LSP and LSPET have all but pelvis and thorax, and call the upper neck neck.
Joint = Literal[
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
]
JOINTS: tuple[Joint, ...] = get_args(Joint)

#: Where the joints of LSP and LSPET, in their order, are among ours.
FROM_LSP = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)

#: The joint that takes the place of each in a mirror image.
MIRRORED = (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10)

#: What the tables of both papers list: the head's top, and left and right together. Pelvis and
#: thorax are in none of them and not in the mean (Andriluka et al. 2014).
GROUPS = {
    "head": (9,),
    "shoulder": (12, 13),
    "elbow": (11, 14),
    "wrist": (10, 15),
    "hip": (2, 3),
    "knee": (1, 4),
    "ankle": (0, 5),
}

#: The joints of the mean.
COUNTED = tuple(joint for joint in range(len(JOINTS)) if joint not in (6, 7))

NECK, HEAD_TOP = 8, 9
TORSOS = ((2, 13), (3, 12))  # from a hip to the opposite shoulder; the first that is known


def segment(joint: Tensor, known: Tensor, one: int, other: int) -> Tensor:
    """The distance of two joints, 0 where one is not known.

    Args:
        joint: ``[n, 16, 2]``.
        known: ``bool[n, 16]``.
        one: The first joint's index.
        other: The second's.

    Returns:
        ``[n]``, in the joints' unit.
    """
    length: Tensor = torch.linalg.vector_norm(joint[:, one] - joint[:, other], dim=-1)
    return length * (known[:, one] & known[:, other])


def body_lengths(joint: Tensor, known: Tensor, head: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Lengths of head and torso, of which one stands in for the other where that is not known.

    The torso is the distance from the right hip to the left shoulder, else from the left hip to the
    right shoulder, else twice the head. The head, where it is not given, is the distance of the
    head's top from the neck, and without it half the torso: people are about so.

    Args:
        joint: ``[n, 16, 2]``.
        known: ``bool[n, 16]``.
        head: ``[n]``, 0 where it is not known.

    Returns:
        Two tensors ``[n]`` in the joints' unit, both 0 where neither is known.
    """
    measured = segment(joint, known, NECK, HEAD_TOP)
    head = measured if head is None else torch.where(head > 0, head, measured)
    usual, other = (segment(joint, known, *ends) for ends in TORSOS)
    torso = torch.where(usual > 0, usual, other)
    return torch.where(head > 0, head, torso / 2), torch.where(torso > 0, torso, head * 2)
