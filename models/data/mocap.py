"""Recordings of people in motion as 3D joints: CMU motion capture, original or prepared."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lossc.models.data.mocap_motion import ForwardKinematics
from lossc.models.data.mocap_skeleton import read_asf
from lossc.models.errors import DataError, MissingData

#: Human3.6M's 17 joints, in its usual order.
JOINTS = (
    *("hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("spine", "thorax", "neck", "head_top", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
)
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
#: The bone of CMU's skeleton whose end is the joint.
BONES = (
    *("root", "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia"),
    *("lowerback", "thorax", "upperneck", "head", "lclavicle", "lhumerus", "lradius"),
    *("rclavicle", "rhumerus", "rradius"),
)

PREPARED = "cmu-mocap-3d.npz"
ORIGINAL_RATE, RATE = 120, 30  # frames a second: as recorded, and as used
DATA_VARIABLE = "LOSSC_DATA"


@dataclass(frozen=True)
class Recording:
    """One sequence of one person.

    Args:
        person: As the data names them.
        name: Of the sequence.
        positions: ``float32[frames, 17, 3]``, mm, y up, 30 frames a second.
    """

    person: str
    name: str
    positions: Tensor


def read_recordings(directory: Path) -> list[Recording]:
    """All recordings of a folder, in the order of their names.

    Args:
        directory: Holds ``cmu-mocap-3d.npz``, or the database's own files as ``SS/SS.asf`` and
            ``SS/SS_TT.amc`` in it, in ``subjects`` or in ``cmu-mocap-asfamc``. The first has the
            preference where both are there.

    Raises:
        DataError: Nothing is there, or a file is damaged; says which and what to put where.
    """
    prepared = directory / PREPARED
    if prepared.is_file():
        return read_prepared(prepared)
    folders = [directory, directory / "cmu-mocap-asfamc", directory / "subjects"]
    for folder in folders:
        if skeletons := sorted(path for path in folder.glob("*/*.asf") if _named(path)):
            return [one for skeleton in skeletons for one in read_person(skeleton)]
    searched = ", ".join(str(path) for path in (prepared, *(f / "SS" / "SS.asf" for f in folders)))
    raise MissingData(
        f"motion capture: nothing found\n  searched: {searched}\n"
        f"  hint: put {PREPARED}, or the folders SS with SS.asf and SS_TT.amc of CMU's motion "
        f"capture database (http://mocap.cs.cmu.edu), into {directory}; without --data and "
        f"{DATA_VARIABLE} the task makes a figure of its own"
    )


def data_folder(directory: Path | None) -> Path | None:
    """The user's folder: the argument, else ``LOSSC_DATA``, else none."""
    variable = os.environ.get(DATA_VARIABLE)
    return directory or (Path(variable) if variable else None)


def read_prepared(path: Path) -> list[Recording]:
    """Recordings from arrays ``positions_SS_TT`` of an ``.npz`` file.

    Raises:
        DataError: The file is damaged, or its joints are others.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if "joint_names" in file and tuple(file["joint_names"]) != JOINTS:
                raise DataError(f"{path}: joints {list(file['joint_names'])}, expected {JOINTS}")
            arrays = {
                name.removeprefix("positions_"): file[name]
                for name in sorted(file.files)
                if name.startswith("positions_")
            }
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: not a sound .npz file ({error})") from None
    if not arrays:
        raise DataError(f"{path}: no arrays 'positions_SS_TT' in it")
    return [_recording(path, name, array) for name, array in arrays.items()]


def _recording(path: Path, name: str, array: np.ndarray) -> Recording:
    where = f"{path}: positions_{name}"
    if array.dtype.kind != "f" or array.ndim != 3 or array.shape[1:] != (len(JOINTS), 3):
        raise DataError(f"{where}: {array.dtype} {array.shape}, expected real (frames, 17, 3)")
    if len(array) == 0 or not np.isfinite(array).all():
        raise DataError(f"{where}: no frames, or positions that are not finite")
    person = name.partition("_")[0]
    return Recording(person, name, torch.from_numpy(array.astype(np.float32)))


def read_person(skeleton: Path) -> list[Recording]:
    """All recordings of one person from the original files, every fourth frame.

    Args:
        skeleton: ``SS.asf``; its recordings are ``SS_TT.amc`` beside it.

    Raises:
        DataError: A file is damaged or has no such bones, or there is no recording.
    """
    kinematics = ForwardKinematics(read_asf(skeleton), BONES)
    person = skeleton.stem
    paths = sorted(skeleton.parent.glob(f"{person}_*.amc"))
    if not paths:
        raise DataError(f"{skeleton}: no recordings {person}_TT.amc beside it")
    step = ORIGINAL_RATE // RATE
    return [
        Recording(person, path.stem, kinematics.positions(path, step).to(torch.float32))
        for path in paths
    ]


def _named(skeleton: Path) -> bool:
    return skeleton.parent.name == skeleton.stem and bool(re.fullmatch(r"\w+", skeleton.stem))
