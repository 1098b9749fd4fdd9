"""Photographs with joints in one JSON file, in a folder or packed as ``.tar.gz``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from lossc.grammar.errors import closest
from lossc.models.data.joints import JOINTS
from lossc.models.data.pose_people import (
    People,
    Person,
    Read,
    from_archive,
    from_folder,
    in_our_order,
    person_around,
)
from lossc.models.errors import DataError

ANNOTATIONS = "annotations.json"
IMAGES = "images"
VALIDATION = 6  # without a test split, val is for the test and every sixth of train for validation

#: Other sets' words for some of our joints.
SYNONYMS = {"upper_neck": "neck", "head": "head_top"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Annotation(_Strict):
    image: str
    joints: list[tuple[float, float, float]]
    head_size: float = 0.0
    split: Literal["train", "val", "test"] = "train"


class _Document(_Strict):
    joint_names: list[str]
    annotations: list[_Annotation]


def find_pose_json(directory: Path) -> Path | None:
    """The annotation file, or the archive, in a folder; ``None`` where there is none.

    Args:
        directory: A folder with ``annotations.json`` and ``images/``, one that has such a folder
            or its archive (``.tar.gz``), or the archive itself.
    """
    if directory.is_file() and directory.name.endswith((".tar.gz", ".tgz")):
        return directory
    found = [directory / ANNOTATIONS, *sorted(directory.glob(f"*/{ANNOTATIONS}"))]
    archives = sorted(directory.glob("*pose*.tar.gz"))
    return next((path for path in [*found, *archives] if path.is_file()), None)


def pose_json(path: Path) -> People:
    """The people of an annotation file.

    ``joint_names`` names the joints, ``annotations`` has an entry an image with ``image`` (a file
    of ``images/``), ``joints`` ([x, y, v], v = 0: not annotated), and perhaps ``head_size`` in
    pixels (else neck to head top) and ``split``.

    Args:
        path: ``annotations.json``, or an archive with one folder that has it.

    Raises:
        DataError: The file is damaged, or not in this format.
    """
    text, read = _open(path)
    try:
        document = _Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{path}: {place}: {first['msg']}") from None
    order = _order(path, document.joint_names)
    sets: dict[str, list[Person]] = {"train": [], "val": [], "test": []}
    for at, entry in enumerate(document.annotations):
        if len(entry.joints) != len(order):
            raise DataError(
                f"{path}: annotations.{at}.joints: {len(entry.joints)} joints, and joint_names "
                f"has {len(order)}"
            )
        joint, known = in_our_order(np.array(entry.joints, dtype=np.float32), order)
        if known.any():
            person = person_around(entry.image, joint, known, max(entry.head_size, 0.0))
            sets[entry.split].append(person)
    if not sets["test"]:
        everybody = sets["train"]
        sets = {
            "train": [p for at, p in enumerate(everybody) if at % VALIDATION],
            "val": everybody[::VALIDATION],
            "test": sets["val"],
        }
    return People(**sets, read=read, source=str(path))


def _open(path: Path) -> tuple[bytes, Read]:
    if path.name == ANNOTATIONS:
        return path.read_bytes(), from_folder(path.parent / IMAGES)
    folder = path.name.removesuffix(".tgz").removesuffix(".tar.gz")
    return from_archive(path, folder)(ANNOTATIONS), from_archive(path, f"{folder}/{IMAGES}")


def _order(path: Path, names: list[str]) -> list[int]:
    """Where each joint is among ours."""
    wanted = [name.strip().lower().replace(" ", "_") for name in names]
    wanted = [SYNONYMS.get(name, name) for name in wanted]
    for name in wanted:
        if name not in JOINTS or wanted.count(name) > 1:
            near = closest(name, JOINTS)
            hint = f"\n  hint: {near}" if near and name not in JOINTS else ""
            said = "unknown" if name not in JOINTS else "named twice"
            raise DataError(
                f"{path}: joint_names: '{name}' is {said}\n  expected: {', '.join(JOINTS)}{hint}"
            )
    return [JOINTS.index(name) for name in wanted]
