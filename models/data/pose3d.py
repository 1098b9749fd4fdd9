"""3D joints as a task: seeded cameras, pictures, and where each joint is in picture and depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from lossc.models.camera import Cameras, Crops, DepthRange, orbit
from lossc.models.data.figure_pictures import pictures
from lossc.models.data.kinematic_figure import figure
from lossc.models.data.mocap import Recording, data_folder, read_recordings
from lossc.models.data.split import Split, Splits
from lossc.models.errors import DataError, MissingData

SIDE = 64  # pixels of a picture
MARGIN = 0.1  # around the figure, as a share of its own square
FOCAL = 1000.0  # pixels of the camera's image; the crop makes it vanish
DISTANCE = (3500.0, 5000.0)  # mm
ELEVATION = (-5.0, 25.0)  # degrees
DEPTHS = DepthRange()

VIEWS = 3  # cameras for each frame, of training; so many are no more frames, but other pictures
HELD_OUT = 0.15  # of each training sequence, its end, for validation
GAP = 10  # frames between training and validation, which neither has
CHUNK = 16  # pictures drawn at once: what fits into a cache
SEED = 20180911


@lru_cache(maxsize=2)
def pose3d(directory: Path | None = None) -> Splits:
    """Pictures of people from seeded cameras, split by person: the last one is for tests.

    Validation has the last 15% of each sequence of the others.

    Args:
        directory: With motion capture (:func:`~lossc.models.data.mocap.read_recordings`).
            ``None``, or the folder in ``LOSSC_DATA``, which is for all tasks: that one, where it
            has motion capture, else a kinematic figure, which needs no data.

    Returns:
        Features ``uint8[n, 3, 64, 64]``, and the targets ``joint``: ``[n, 17, 2]``, shares of the
        picture; ``depth``: ``[n, 17]``, shares of the depth range; ``position``: ``[n, 17, 3]``, mm
        in the camera's coordinates; ``crop``: ``[n, 4]``, corner x and y, side and focal length in
        pixels of the camera's image.

    Raises:
        DataError: The folder has no motion capture, a damaged one, or that of one person only.
    """
    folder = data_folder(directory)
    try:
        recordings = figures() if folder is None else read_recordings(folder)
    except MissingData:
        if folder != data_folder(None):
            raise
        recordings = figures()
    people = sorted({recording.person for recording in recordings})
    if len(people) < 2:
        raise DataError(
            f"{folder}: motion capture of person {people[0]} only; training needs another person "
            "than the test"
        )
    train, val = [], []
    for recording in recordings:
        if recording.person != people[-1]:
            first, last = cut(recording.positions)
            train.append(first)
            val.append(last)
    test = [recording.positions for recording in recordings if recording.person == people[-1]]
    return Splits(
        examples(torch.cat(train).repeat(VIEWS, 1, 1), SEED),
        examples(torch.cat(val).repeat(2, 1, 1), SEED + 1),
        examples(torch.cat(test).repeat(2, 1, 1), SEED + 2),
    )


def figures() -> Sequence[Recording]:
    """Four figures of different sizes in motion; the last is for tests."""
    sizes = (0.92, 1.0, 1.08, 1.03)
    return [
        figure(str(index), f"{index}_1", frames=150, seed=SEED + 10 + index, size=size)
        for index, size in enumerate(sizes, 1)
    ]


def cut(positions: Tensor) -> tuple[Tensor, Tensor]:
    """The frames for training, and the end of the sequence for validation; a gap between."""
    held_out = math.ceil(HELD_OUT * len(positions))
    return positions[: max(len(positions) - held_out - GAP, 1)], positions[-held_out:]


def examples(world: Tensor, seed: int) -> Split:
    """One example for each set of joints, from a camera of its own.

    Args:
        world: ``[n, 17, 3]``, mm, y up.
        seed: Of cameras and pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    cameras = random_cameras(world, generator)
    seen = cameras.see(world)
    pixels = cameras.project(seen)
    crops = Crops.around(pixels, MARGIN)
    joint = crops.shares(pixels)
    depth = seen[..., 2] - seen[:, :1, 2]
    scale = cameras.focal[:, None] / seen[..., 2] / crops.side[:, None]
    parts = (torch.split(whole, CHUNK) for whole in (joint, depth, scale))
    drawn = [
        pictures(place, deep, large, SIDE, generator)
        for place, deep, large in zip(*parts, strict=True)
    ]
    crop = torch.cat([crops.corner, crops.side[:, None], cameras.focal[:, None]], dim=1)
    targets = {"joint": joint, "depth": DEPTHS.shares(depth), "position": seen, "crop": crop}
    return Split(torch.cat(drawn), targets)


def random_cameras(world: Tensor, generator: torch.Generator) -> Cameras:
    """Cameras that look at the hip from anywhere around, from a little below to above."""
    n = len(world)
    azimuth, elevation, distance = torch.rand(3, n, generator=generator)
    low, high = (math.radians(angle) for angle in ELEVATION)
    near, far = DISTANCE
    return orbit(
        world[:, 0],
        2 * math.pi * azimuth,
        low + (high - low) * elevation,
        near + (far - near) * distance,
        torch.full((n,), FOCAL),
    )


def positions(place: Tensor, depth: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Joints in the camera's coordinates from their shares, with the root's depth known.

    Args:
        place: ``[n, 17, 2]``, shares of the picture.
        depth: ``[n, 17]``, shares of the depth range.
        targets: The split's, for ``crop`` and the root's depth.

    Returns:
        ``[n, 17, 3]``, mm.
    """
    crop, root = targets["crop"], targets["position"][:, :1, 2]
    n = len(crop)
    eye = torch.eye(3, device=crop.device).expand(n, 3, 3)
    cameras = Cameras(eye, crop.new_zeros(n, 3), crop[:, 3], crop.new_zeros(n, 2))
    pixels = Crops(crop[:, :2], crop[:, 2]).pixels(place)
    return cameras.lift(pixels, DEPTHS.depths(depth) + root)
