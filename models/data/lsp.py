"""Leeds Sports Pose and its extended training set, from their original files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lossc.models.data.joints import FROM_LSP
from lossc.models.data.matlab import read_matlab
from lossc.models.data.pose_people import (
    People,
    Person,
    from_folder,
    in_our_order,
    person_around,
)
from lossc.models.errors import DataError

JOINTS_FILE = "joints.mat"
IMAGES = "images"
TESTED = 1000  # LSP: the first thousand images are for training, the others for the test
VALIDATION = 10  # every tenth training image is for validation

#: Folders that the sets are unpacked into, within the data folder.
FOLDERS = ("", "lsp", "lspet", "lsp_dataset", "lsp_dataset_original", "hr-lspet", "lspet_dataset")


def find_lsp(directory: Path) -> list[Path]:
    """The ``joints.mat`` in a folder, or of LSP and LSPET in folders of their own."""
    paths = [directory / folder / JOINTS_FILE for folder in FOLDERS]
    return [path for path in paths if path.is_file()]


def lsp(paths: list[Path]) -> People:
    """The people of LSP, of LSPET, or of both.

    LSPET's images are for training. Without LSP's test images every fifth one is for the test.
    All joints of LSP are annotated, hidden ones too, which its third row tells; in LSPET it tells
    which are annotated.

    Source: Johnson and Everingham, Clustered Pose and Nonlinear Appearance Models for Human Pose
    Estimation (BMVC 2010); Learning Effective Human Pose Estimation from Inaccurate Annotation
    (CVPR 2011).

    Args:
        paths: One ``joints.mat`` or several, each beside ``images/``.

    Raises:
        DataError: A file is damaged, or not in one of the two formats.
    """
    training: list[Person] = []
    test: list[Person] = []
    for path in paths:
        joints, extended = _joints(path)
        digits = 5 if extended else 4
        folder = path.parent / IMAGES
        for at, values in enumerate(joints):
            joint, known = in_our_order(values, FROM_LSP)
            if not known.any():
                continue
            name = str(folder / f"im{at + 1:0{digits}d}.jpg")
            tested = at >= TESTED if not extended else False
            (test if tested else training).append(person_around(name, joint, known))
    if not test:
        test = training[::5]
        training = [person for at, person in enumerate(training) if at % 5]
    train = [person for at, person in enumerate(training) if at % VALIDATION]
    return People(train, training[::VALIDATION], test, _read, str(paths[0]))


def _read(name: str) -> bytes:
    path = Path(name)
    return from_folder(path.parent)(path.name)


def _joints(path: Path) -> tuple[NDArray[np.float32], bool]:
    """``[n, 14, 3]``: x, y, annotated; and whether the file is LSPET's."""
    values = read_matlab(path, "joints")
    shape = getattr(values, "shape", ())
    if len(shape) == 3 and shape[:2] == (3, 14):
        joints = values.transpose(2, 1, 0).astype(np.float32)
        joints[..., 2] = 1
        return joints, False
    if len(shape) == 3 and shape[:2] == (14, 3):
        return values.transpose(2, 0, 1).astype(np.float32), True
    raise DataError(
        f"{path}: joints has the shape {list(shape)}, expected [3, 14, n] (LSP) or "
        "[14, 3, n] (LSPET)"
    )
