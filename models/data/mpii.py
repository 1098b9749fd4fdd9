"""MPII Human Pose from its original annotation, and from two JSON files made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossc.models.data.joints import JOINTS
from lossc.models.data.matlab import read_matlab
from lossc.models.data.pose_people import People, Person, from_folder, in_our_order
from lossc.models.errors import DataError

RELEASE = "mpii_human_pose_v1_u12_1.mat"
SPLIT_FILES = ("train.json", "valid.json")
ONE_FILE = "mpii_annotations.json"
IMAGES = "images"

HEIGHT = 200.0  # pixels of a person of scale 1
HEAD = 0.6  # of the diagonal of the head's rectangle: the benchmark's head length
LARGER, LOWER = 1.25, 15.0  # Newell et al.: more room, and the centre nearer to the hips
TESTED = 8  # the original file has no test set with joints: every eighth image with people
VALIDATION = 10  # and every tenth image of the others

FOLDERS = ("", "mpii", "annot", "mpii/annot", "mpii_human_pose_v1_u12_2")


def find_mpii(directory: Path) -> Path | None:
    """The annotation in a folder: the original file first, then the JSON files."""
    for name in (RELEASE, ONE_FILE, SPLIT_FILES[1]):
        for folder in FOLDERS:
            if (path := directory / folder / name).is_file():
                return path
    return None


def mpii(path: Path) -> People:
    """The people of MPII's training images, split by image.

    The test set of the benchmark is not public. The JSON files know a split for validation, which
    is what is tested on here; every tenth of the other images is for validation.

    Source: Andriluka, Pishchulin, Gehler and Schiele, 2D Human Pose Estimation: New Benchmark and
    State of the Art Analysis (CVPR 2014).

    Args:
        path: The original MATLAB file; ``mpii_annotations.json`` (an entry a person, with
            ``isValidation``); or ``valid.json`` beside ``train.json`` (with ``joints_vis``). The
            JSON files have no head rectangle: their heads reach from neck to head top. The images
            are in ``images/``, beside the file or one folder up.

    Raises:
        DataError: The file is damaged, or not in its format.
    """
    held_out: set[str] = set()
    if path.name == RELEASE:
        people = list(_release(path))
        images = list(dict.fromkeys(person.image for person in people))
        held_out.update(images[::TESTED])
    elif path.name == ONE_FILE:
        people = []
        for entry in _entries(path):
            people.append(_from_one_file(path, entry))
            if entry["isValidation"]:
                held_out.add(people[-1].image)
    else:
        parts = [list(_from_split_file(path.with_name(name))) for name in SPLIT_FILES]
        people = [*parts[0], *parts[1]]
        held_out.update(person.image for person in parts[1])
    people = [person for person in people if person.known.any()]
    others = list(dict.fromkeys(p.image for p in people if p.image not in held_out))
    validated = set(others[::VALIDATION])
    folder = next(
        (f / IMAGES for f in (path.parent, path.parent.parent) if (f / IMAGES).is_dir()), None
    )
    if folder is None:
        raise DataError(f"MPII: {path} is there, but no folder {path.parent / IMAGES} beside it")
    return People(
        [p for p in people if p.image not in held_out | validated],
        [p for p in people if p.image in validated],
        [p for p in people if p.image in held_out],
        from_folder(folder),
        str(path),
    )


def _person(
    image: str,
    values: NDArray[np.float32],
    centre: Iterable[float],
    scale: float,
    head: float = 0.0,
) -> Person:
    """A person with the place and the scale that MPII gives."""
    x, y = centre
    joint, known = in_our_order(values, range(len(JOINTS)))
    return Person(image, joint, known, (x, y + LOWER * scale), HEIGHT * LARGER * scale, head)


def _release(path: Path) -> Iterator[Person]:
    release = read_matlab(path, "RELEASE", squeeze=True)
    try:
        images, training = _several(release.annolist), np.atleast_1d(release.img_train)
        for image, for_training in zip(images, training, strict=True):
            if not for_training:
                continue
            for rect in _several(getattr(image, "annorect", None)):
                found = _from_rect(str(image.image.name), rect)
                if found is not None:
                    yield found
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: RELEASE is not MPII's: {error}") from None


def _from_rect(image: str, rect: Any) -> Person | None:
    """A person, if it has joints, a place and a scale; MATLAB leaves out what it does not have."""
    points = _several(getattr(getattr(rect, "annopoints", None), "point", None))
    place: Any = getattr(rect, "objpos", None)
    scale: Any = getattr(rect, "scale", None)
    if not points or not hasattr(place, "x") or np.size(scale) != 1:
        return None
    values = np.zeros((len(JOINTS), 3), dtype=np.float32)
    for point in points:
        if not 0 <= int(point.id) < len(JOINTS):
            raise ValueError(f"{image} has a joint {point.id}")
        values[int(point.id)] = (float(point.x) - 1, float(point.y) - 1, 1)  # MATLAB counts from 1
    head = HEAD * hypot(float(rect.x2) - float(rect.x1), float(rect.y2) - float(rect.y1))
    return _person(image, values, (float(place.x) - 1, float(place.y) - 1), float(scale), head)


def _several(value: Any) -> list[Any]:
    """What MATLAB gives as nothing, as one struct, or as an array of them."""
    if value is None:
        return []
    return [item for item in np.atleast_1d(value).ravel() if hasattr(item, "_fieldnames")]


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path}: expected a list with an object for each person")
    return entries


def _from_one_file(path: Path, entry: dict[str, Any]) -> Person:
    try:
        values = np.array(entry["joint_self"], dtype=np.float32).reshape(len(JOINTS), 3)
        values[:, 2] = (values[:, :2] > 0).all(axis=1)  # hidden joints count; (0, 0) is no joint
        place, scale = map(float, entry["objpos"]), float(entry["scale_provided"])
        entry["isValidation"]
        return _person(entry["img_paths"], values, place, scale)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: the person {entry.get('img_paths')}: {error!r}") from None


def _from_split_file(path: Path) -> Iterator[Person]:
    for entry in _entries(path):
        try:
            places = np.array(entry["joints"], dtype=np.float32).reshape(len(JOINTS), 2) - 1
            known = np.array(entry["joints_vis"], dtype=np.float32).reshape(len(JOINTS), 1)
            centre = (float(entry["center"][0]) - 1, float(entry["center"][1]) - 1)
            values = np.concatenate([places, known], axis=1)
            yield _person(entry["image"], values, centre, float(entry["scale"]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{path}: the person {entry.get('image')}: {error!r}") from None
