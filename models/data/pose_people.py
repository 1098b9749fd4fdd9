"""People in photographs, as every annotation format gives them, and their crops as tensors."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, floor, isfinite
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lossc.models.data.joints import JOINTS, body_lengths
from lossc.models.data.split import Split, Splits
from lossc.models.errors import DataError

#: The bytes of an image, by the name that the annotation has for it.
Read = Callable[[str], bytes]

LARGEST = 50.0  # a crop's side, in sides of its image: what is larger was not meant


@dataclass(frozen=True)
class Person:
    """One annotated person.

    Args:
        image: The image's name.
        joint: ``float32[16, 2]``, x and y in pixels of the image, in the order of ``JOINTS``.
        known: ``bool[16]``: which joints are annotated.
        centre: Of the person, in pixels.
        size: Side of the square that the person is cut out with, in pixels.
        head: Length of the head, in pixels; 0: not given.
    """

    image: str
    joint: NDArray[np.float32]
    known: NDArray[np.bool_]
    centre: tuple[float, float]
    size: float
    head: float = 0.0


@dataclass(frozen=True)
class People:
    """The annotated people of three disjoint sets, and where their images come from."""

    train: Sequence[Person]
    val: Sequence[Person]
    test: Sequence[Person]
    read: Read
    source: str


def splits(people: People, side: int, margin: float) -> Splits:
    """Crops of all people; see :func:`crops`.

    Args:
        people: As annotated.
        side: Of the crops for validation and test, in pixels.
        margin: By what the training crops are larger, for an augmentation to choose from.

    Raises:
        DataError: A set is empty, or as in :func:`crops`.
    """
    for name in ("train", "val", "test"):
        if not getattr(people, name):
            raise DataError(f"{people.source}: nobody is annotated for the {name} split")
    try:
        train = crops(people.train, people.read, side, margin)
        val, test = (crops(part, people.read, side) for part in (people.val, people.test))
    except DataError as error:  # which names the image alone
        raise DataError(f"{people.source}: {error}") from None
    inside = ((train.targets["joint"] >= 0) & (train.targets["joint"] <= 1)).all(dim=-1)
    seen = {"visible": train.targets["visible"] & inside}
    return Splits(
        Split(train.features, {**train.targets, **seen}),
        val,
        test,
    )


def crops(people: Sequence[Person], read: Read, side: int, margin: float = 1.0) -> Split:
    """Each person cut out as a square; black where the square leaves the image.

    Args:
        people: As annotated.
        read: Gives the images.
        side: Of a square without margin, in pixels.
        margin: Of both the square and its pixels: the scale stays.

    Returns:
        Features ``uint8[n, 3, side * margin, side * margin]``. Targets, lengths and places as
        shares of the square's side: ``joint``: ``[n, 16, 2]`` (x, y), ``visible``: ``bool[n, 16]``
        (annotated), ``head`` and ``torso``: ``[n]``.

    Raises:
        DataError: An image is missing or damaged, or a person's place makes no sense.
    """
    pixels = round(side * margin)
    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        images = list(pool.map(lambda one: _cut_out(one, read, pixels, margin), people))
    joint = torch.from_numpy(np.stack([person.joint for person in people]))
    known = torch.from_numpy(np.stack([person.known for person in people]))
    head = torch.tensor([person.head for person in people], dtype=torch.float32)
    size = torch.tensor([person.size * margin for person in people], dtype=torch.float32)
    centre = torch.tensor([person.centre for person in people], dtype=torch.float32)
    head, torso = body_lengths(joint, known, head)
    share = (joint - centre[:, None]) / size[:, None, None] + 0.5
    targets: dict[str, Tensor] = {
        "joint": torch.where(known[..., None], share, torch.zeros_like(share)),
        "visible": known,
        "head": head / size,
        "torso": torso / size,
    }
    return Split(torch.from_numpy(np.stack(images)), targets)


def _cut_out(person: Person, read: Read, pixels: int, margin: float) -> NDArray[np.uint8]:
    """``uint8[3, pixels, pixels]``; pixel i of an image reaches from i - 0.5 to i + 0.5."""
    try:
        image = Image.open(io.BytesIO(read(person.image)))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{person.image}: cannot be read as an image: {error}") from None
    side = person.size * margin
    if not (isfinite(sum(person.centre)) and 1 <= side <= LARGEST * max(image.size)):
        raise DataError(
            f"{person.image}: a square of {side:g} pixels around {person.centre} was asked of an "
            f"image of {image.width} x {image.height} pixels"
        )
    left, top = (c + 0.5 - side / 2 for c in person.centre)
    whole = (floor(left), floor(top), ceil(left + side), ceil(top + side))
    box = (left - whole[0], top - whole[1], left - whole[0] + side, top - whole[1] + side)
    cut = image.convert("RGB").crop(whole)
    small = cut.resize((pixels, pixels), Image.Resampling.BILINEAR, box=box)
    return np.asarray(small).transpose(2, 0, 1)


def person_around(
    image: str, joint: NDArray[np.float32], known: NDArray[np.bool_], head: float = 0.0
) -> Person:
    """A person of whom nothing but joints is known: a square around these, and 30 % more."""
    places = joint[known]
    low, high = places.min(axis=0), places.max(axis=0)
    centre = (low + high) / 2
    size = 1.3 * max(float((high - low).max()), 2.0)
    return Person(image, joint, known, (float(centre[0]), float(centre[1])), size, head)


def in_our_order(
    values: NDArray[np.float32], order: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Joints and flags of a set, among ours.

    Args:
        values: ``[m, 3]``: x, y, and whether the joint is annotated.
        order: Where each of them is among ``JOINTS``.

    Returns:
        ``float32[16, 2]`` and ``bool[16]``; a joint that is not finite is not known.
    """
    joint = np.zeros((len(JOINTS), 2), dtype=np.float32)
    known = np.zeros(len(JOINTS), dtype=np.bool_)
    finite = np.asarray(np.isfinite(values).all(axis=1))
    joint[list(order)] = np.where(finite[:, None], values[:, :2], 0)
    known[list(order)] = finite & (values[:, 2] > 0)
    return joint, known


def from_folder(folder: Path) -> Read:
    """Images that lie in a folder."""

    def read(name: str) -> bytes:
        path = folder / _inside(name)
        if not path.is_file():
            raise DataError(f"{path}: the image is missing, and the annotation names it")
        return path.read_bytes()

    return read


def from_archive(archive: Path, folder: str) -> Read:
    """Images in a folder of a tar archive, which is read once and kept in memory."""
    try:
        with tarfile.open(archive) as tar:
            files = {
                member.name: content.read()
                for member in tar.getmembers()
                if member.isfile() and (content := tar.extractfile(member)) is not None
            }
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{archive}: cannot be read as an archive: {error}") from None

    def read(name: str) -> bytes:
        path = f"{folder}/{_inside(name)}"
        if path not in files:
            raise DataError(f"{archive}: {path} is missing")
        return files[path]

    return read


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise DataError(f"'{name}' is no name of an image")
    return str(path)
