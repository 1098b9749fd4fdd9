"""Bodies in random postures: joints in space, and the capsules that they are drawn as."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from lossc.models.data.joints import JOINTS

INDEX = {name: index for index, name in enumerate(JOINTS)}

#: Lengths in torsos, from the pelvis to the thorax.
NECK, HEAD, HIP, SHOULDER = 0.15, 0.5, 0.18, 0.33
UPPER_ARM, LOWER_ARM, THIGH, SHANK, FOOT = 0.55, 0.5, 0.75, 0.7, 0.22

#: Colours of a person, by name.
COLOURS = ("skin", "hair", "shirt", "trousers", "shoes")

#: Capsules between two points, with their radius in torsos and their colour. Left and right limbs
#: look the same: only face and feet say which way a person looks.
CAPSULES = (
    ("pelvis", "thorax", 0.23, "shirt"),
    ("right_hip", "left_hip", 0.13, "trousers"),
    ("right_shoulder", "left_shoulder", 0.11, "shirt"),
    ("thorax", "head", 0.08, "skin"),
    ("head", "crown", 0.2, "hair"),
    ("face", "face", 0.15, "skin"),
    ("right_shoulder", "right_elbow", 0.1, "shirt"),
    ("left_shoulder", "left_elbow", 0.1, "shirt"),
    ("right_elbow", "right_wrist", 0.08, "skin"),
    ("left_elbow", "left_wrist", 0.08, "skin"),
    ("right_hip", "right_knee", 0.13, "trousers"),
    ("left_hip", "left_knee", 0.13, "trousers"),
    ("right_knee", "right_ankle", 0.1, "trousers"),
    ("left_knee", "left_ankle", 0.1, "trousers"),
    ("right_ankle", "right_foot", 0.09, "shoes"),
    ("left_ankle", "left_foot", 0.09, "shoes"),
)


@dataclass(frozen=True)
class Bodies:
    """Bodies in space: x to the right and y down, as in an image, z towards the viewer.

    Args:
        joint: ``[n, 16, 3]``, in torsos from the pelvis, in the order of ``JOINTS``.
        start: One end of each capsule, ``[n, 16, 3]``.
        end: The other, ``[n, 16, 3]``.
        radius: ``[n, 16]``, in torsos.
        colour: ``[n, 16, 3]`` in [0, 1].
    """

    joint: Tensor
    start: Tensor
    end: Tensor
    radius: Tensor
    colour: Tensor


def bodies(count: int, generator: torch.Generator) -> Bodies:
    """Random bodies, about two in three with their face towards the viewer.

    Args:
        count: How many.
        generator: On the CPU; the only source of randomness.
    """

    def towards(*directions: Tensor, spread: float) -> Tensor:
        noise = spread * torch.randn(count, 3, generator=generator)
        return torch.nn.functional.normalize(sum(directions, noise), dim=-1)

    away = torch.rand(count, generator=generator) > 0.65
    yaw = pi * away + 2.4 * (torch.rand(count, generator=generator) - 0.5)
    zero = torch.zeros(count)
    front = torch.stack([yaw.sin(), zero, yaw.cos()], dim=-1)
    right = torch.stack([-yaw.cos(), zero, yaw.sin()], dim=-1)  # the person's own right
    down = torch.tensor([0.0, 1.0, 0.0]).expand(count, 3)
    spine = towards(-down, spread=0.2)
    at = {"pelvis": torch.zeros(count, 3), "thorax": spine}
    at["neck"] = spine * (1 + NECK)
    head = towards(spine, spread=0.15)
    at["head_top"] = at["neck"] + HEAD * head
    at["head"], at["crown"] = at["neck"] + 0.2 * head, at["neck"] + (HEAD - 0.2) * head
    at["face"] = at["head"] + 0.1 * front
    for side, out in (("right", right), ("left", -right)):
        at[f"{side}_shoulder"] = 0.95 * spine + SHOULDER * out
        at[f"{side}_hip"] = HIP * out
        arm = towards(down, 0.4 * out, 0.2 * front, spread=0.7)
        fore = towards(arm, 0.4 * front, spread=0.7)
        thigh = towards(down, 0.1 * out, 0.2 * front, spread=0.3)
        shank = towards(thigh, -0.3 * front, spread=0.2)
        at[f"{side}_elbow"] = at[f"{side}_shoulder"] + UPPER_ARM * arm
        at[f"{side}_wrist"] = at[f"{side}_elbow"] + LOWER_ARM * fore
        at[f"{side}_knee"] = at[f"{side}_hip"] + THIGH * thigh
        at[f"{side}_ankle"] = at[f"{side}_knee"] + SHANK * shank
        at[f"{side}_foot"] = at[f"{side}_ankle"] + FOOT * towards(front, 0.3 * down, spread=0.1)
    return Bodies(
        torch.stack([at[name] for name in JOINTS], dim=1),
        torch.stack([at[start] for start, _, _, _ in CAPSULES], dim=1),
        torch.stack([at[end] for _, end, _, _ in CAPSULES], dim=1),
        torch.tensor([radius for _, _, radius, _ in CAPSULES]).expand(count, -1),
        _colours(count, generator),
    )


def _colours(count: int, generator: torch.Generator) -> Tensor:
    light = 0.35 + 0.6 * torch.rand(count, 1, generator=generator)
    skin = light * torch.tensor([1.0, 0.8, 0.65])
    hair = 0.5 * torch.rand(count, 1, generator=generator) * torch.tensor([1.0, 0.8, 0.5])
    clothes = torch.rand(count, 3, 3, generator=generator)
    of = dict(zip(COLOURS, (skin, hair, *clothes.unbind(dim=1)), strict=True))
    return torch.stack([of[name] for _, _, _, name in CAPSULES], dim=1)
