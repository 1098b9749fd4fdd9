"""Acclaim's motion files (.amc): where the bones of a skeleton are, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lossc.models.data.mocap_skeleton import Bone, Skeleton, lines_of, numbers_in, rotation
from lossc.models.errors import DataError


class ForwardKinematics:
    """Where the ends of some bones are, from the angles of all of them.

    A bone's turn is given in its own axes: with C from them to the world's in the rest pose and M
    the recorded turn, the bone is turned by C M C' after its parent.

    Args:
        skeleton: Of the person.
        ends: Names of bones; ``root`` is where the skeleton hangs.

    Raises:
        DataError: The skeleton lacks one of them.
    """

    def __init__(self, skeleton: Skeleton, ends: Sequence[str]):
        self.skeleton = skeleton
        self.ends = tuple(ends)
        self._bones = {bone.name: bone for bone in skeleton.bones}
        if missing := [name for name in ends if name not in self._bones]:
            raise DataError(f"{skeleton.path}: no bone '{missing[0]}'")

    def positions(self, path: Path, step: int = 1) -> Tensor:
        """The ends over the frames of a recording.

        Args:
            path: The ``.amc`` file.
            step: Every which frame, from the first.

        Returns:
            ``float64[frames, ends, 3]``, mm.

        Raises:
            DataError: The file is damaged; says the line.
        """
        angles = self._angles(path, step)
        frames = len(angles["root"])
        turn: dict[str, Tensor] = {}
        end: dict[str, Tensor] = {}
        for bone in self.skeleton.bones:
            moved = self._moved(bone, angles, frames)
            own = bone.axis @ rotation(moved[:, 3:]) @ bone.axis.T
            if bone.parent is None:
                turn[bone.name], end[bone.name] = own, moved[:, :3] * self.skeleton.unit
            else:
                turn[bone.name] = turn[bone.parent] @ own
                end[bone.name] = end[bone.parent] + turn[bone.name] @ bone.offset
        return torch.stack([end[name] for name in self.ends], dim=1)

    def _moved(self, bone: Bone, angles: dict[str, Tensor], frames: int) -> Tensor:
        """``[frames, 6]``: tx, ty, tz, rx, ry, rz, 0 where the bone is not free."""
        moved = torch.zeros(frames, 6, dtype=torch.float64)
        for column, freedom in enumerate(bone.freedom):
            place = ("tx", "ty", "tz", "rx", "ry", "rz").index(freedom)
            moved[:, place] = angles[bone.name][:, column]
        return moved

    def _angles(self, path: Path, step: int) -> dict[str, Tensor]:
        free = {bone.name: len(bone.freedom) for bone in self.skeleton.bones if bone.freedom}
        kept: list[dict[str, list[float]]] = []
        frames = 0
        seen = set(free)  # bones of the current frame
        number = 0
        for number, words in lines_of(path):
            if words[0].startswith(":"):
                if words[0].upper() == ":RADIANS":
                    raise DataError(f"{path}:{number}: angles in degrees expected")
            elif len(words) == 1 and words[0].isdigit():
                _check_whole(path, number, frames, seen, free)
                seen = set()
                if frames % step == 0:
                    kept.append({})
                frames += 1
            elif not frames or words[0] not in free:
                raise DataError(f"{path}:{number}: '{words[0]}' is no bone that moves")
            else:
                seen.add(words[0])
                if (frames - 1) % step == 0:
                    kept[-1][words[0]] = numbers_in(path, number, words[1:], free[words[0]])
        _check_whole(path, number, frames, seen, free)
        if not frames:
            raise DataError(f"{path}: no frames")
        return {
            name: torch.tensor([frame[name] for frame in kept], dtype=torch.float64)
            for name in free
        }


def _check_whole(
    path: Path, number: int, frame: int, seen: set[str], free: Mapping[str, int]
) -> None:
    if missing := [name for name in free if name not in seen]:
        raise DataError(f"{path}:{number}: frame {frame} lacks '{missing[0]}'")
