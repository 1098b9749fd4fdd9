"""A jointed figure that walks and moves its limbs: 3D joints for tasks that bring no data.

The figure has the 17 joints of the recordings, limbs of fixed lengths and joint angles that follow
smooth random curves within what a body can do. Everything comes from a seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lossc.models.data.mocap import PARENTS, Recording
from lossc.models.data.mocap_skeleton import rotation

RATE = 30.0  # frames a second

#: Where each joint is from its parent when the figure stands with its arms down, facing +z, in mm:
#: x to the figure's left, y up. The hip is where the figure is put.
REST = (
    (0, 0, 0),
    *((-105, 0, 0), (0, -440, 0), (0, -420, 0)),
    *((105, 0, 0), (0, -440, 0), (0, -420, 0)),
    *((0, 230, 0), (0, 250, 0), (0, 110, 20), (0, 150, 0)),
    *((160, -20, 0), (0, -290, 0), (0, -250, 0)),
    *((-160, -20, 0), (0, -290, 0), (0, -250, 0)),
)


@dataclass(frozen=True)
class Hinge:
    """What turns at a joint, and how far, in degrees around x, y and z.

    Args:
        joint: Index; what follows it turns with it.
        least: Of each angle.
        most: Of each angle.
        stride: Swing of the angle around x while walking.
        phase: Of that swing, in turns.
    """

    joint: int
    least: tuple[float, float, float]
    most: tuple[float, float, float]
    stride: float = 0.0
    phase: float = 0.0


#: A positive turn around x moves what hangs down backwards, and what stands up forwards.
HINGES = (
    Hinge(0, (-5, -180, -5), (15, 180, 5)),
    Hinge(1, (-70, -20, -30), (15, 20, 5), 25, 0.0),
    Hinge(2, (0, 0, 0), (90, 0, 0), 20, 0.2),
    Hinge(4, (-70, -20, -5), (15, 20, 30), 25, 0.5),
    Hinge(5, (0, 0, 0), (90, 0, 0), 20, 0.7),
    Hinge(7, (-10, -25, -15), (35, 25, 15)),
    Hinge(9, (-20, -40, -15), (25, 40, 15)),
    Hinge(11, (-130, -30, 0), (30, 30, 100), 20, 0.0),
    Hinge(12, (-120, -40, 0), (0, 40, 0), 10, 0.2),
    Hinge(14, (-130, -30, -100), (30, 30, 0), 20, 0.5),
    Hinge(15, (-120, -40, 0), (0, 40, 0), 10, 0.7),
)


def figure(person: str, name: str, frames: int, seed: int, size: float = 1.0) -> Recording:
    """One figure in motion.

    Half of the time it walks, swinging its arms; all of the time its angles wander, by little while
    it walks and through all of their range while it does not.

    Args:
        person: Whose recording it is said to be.
        name: Of the recording.
        frames: 30 of them are a second.
        seed: Of the motion; the lengths of the limbs follow from the person's size alone.
        size: Of the limbs, 1 for a figure of 1.7 m.
    """
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(frames, dtype=torch.float64) / RATE
    walking = (_wander(time, 1, generator, slow=8.0)[:, 0] * 4).clamp(-0.5, 0.5) + 0.5
    pace = 0.9 + 0.2 * float(torch.rand(1, generator=generator))  # strides a second
    turns: dict[int, Tensor] = {}
    for hinge in HINGES:
        least, most = (
            torch.tensor(side, dtype=torch.float64) for side in (hinge.least, hinge.most)
        )
        middle = torch.minimum(torch.maximum(torch.zeros(3, dtype=torch.float64), least), most)
        wander = _wander(time, 3, generator, slow=8.0 if hinge.joint == 0 else 3.0)
        free = (least + most) / 2 + (most - least) / 2 * wander
        swing = torch.zeros(frames, 3, dtype=torch.float64)
        swing[:, 0] = hinge.stride * torch.sin(2 * math.pi * (pace * time + hinge.phase))
        steady = middle + swing + 0.15 * (free - middle)
        if hinge.joint == 0:
            steady[:, 1] = free[:, 1]  # it may face anywhere
        share = walking.unsqueeze(-1)
        turns[hinge.joint] = (share * steady + (1 - share) * free).clamp(least, most)
    positions = _joints(turns, frames) * size
    drift = _wander(time, 3, generator, slow=8.0) * torch.tensor([1500.0, 30.0, 1500.0])
    positions = positions + (drift + torch.tensor([0.0, 880.0 * size, 0.0])).unsqueeze(1)
    return Recording(person, name, positions.to(torch.float32))


def _joints(turns: dict[int, Tensor], frames: int) -> Tensor:
    """``[frames, 17, 3]``, the hip at the origin."""
    rest = torch.tensor(REST, dtype=torch.float64)
    turn: list[Tensor] = []
    place: list[Tensor] = []
    still = torch.eye(3, dtype=torch.float64).expand(frames, 3, 3)
    for joint, parent in enumerate(PARENTS):
        own = rotation(turns[joint]) if joint in turns else still
        if parent < 0:
            turn.append(own)
            place.append(torch.zeros(frames, 3, dtype=torch.float64))
        else:
            place.append(place[parent] + turn[parent] @ rest[joint])
            turn.append(turn[parent] @ own)
    return torch.stack(place, dim=1)


def _wander(time: Tensor, count: int, generator: torch.Generator, slow: float) -> Tensor:
    """Smooth random curves in [-1, 1]: ``[frames, count]``, sums of sines of seeded periods.

    Args:
        time: ``[frames]``, seconds.
        count: Of curves.
        generator: Draws periods and phases.
        slow: The mean period, seconds.
    """
    waves = 4
    periods = slow * (0.5 + torch.rand(count, waves, generator=generator, dtype=torch.float64))
    phases = torch.rand(count, waves, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * (time[:, None, None] / periods + phases)
    return torch.tanh(torch.sin(angle).sum(dim=-1))
