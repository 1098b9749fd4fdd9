"""Images in folders, one folder for each class: where they are, and what may be wrong with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from lossc.models.data.downloads import DATA_VARIABLE, data_folder
from lossc.models.data.image_stream import ImageStream
from lossc.models.data.split import StreamedSplits
from lossc.models.errors import DataError, MissingData

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
TRAIN, VALIDATION, TEST = "train", "val", "test"
SHOWN = 5  # names in a message

HINT = f"""  expected, in DIR of --data DIR (or {DATA_VARIABLE}):
    {TRAIN}/CLASS/NAME.jpg and {VALIDATION}/CLASS/NAME.jpg, with the same folders CLASS in both;
    {TEST}/CLASS/NAME.jpg may be there too, and is tested on in the place of {VALIDATION}
  for ImageNet: the archives ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar of image-net.org,
    unpacked, and the validation images put into folders of their classes"""


@dataclass(frozen=True)
class ImageFolders:
    """Loads folders of images for a recipe; the images themselves are read when they are wanted.

    Args:
        side: Of the squares that the network sees, in pixels.
        resize: Pixels of the shorter side that images get before a square is cut out of them.
        workers: Processes that read images. ``None``: one a core, but none where so few images are
            read that starting processes would take longer.
    """

    side: PositiveInt = 224
    resize: PositiveInt = 256
    workers: NonNegativeInt | None = field(default=None, repr=False)  # the images are the same

    def __post_init__(self) -> None:
        if self.resize < self.side:
            raise ValueError(f"resize {self.resize} is less than side {self.side}")

    def __call__(self, directory: Path | None) -> StreamedSplits:
        """The three sets; classes are in the order of their names.

        Args:
            directory: Holds ``train`` and ``val``. ``None``: the folder in ``LOSSC_DATA``.

        Raises:
            DataError: Folders are missing or empty, or differ in their classes.
        """
        directory = data_folder(directory)
        if directory is None:
            raise MissingData(f"the task needs folders of images: name where they are\n{HINT}")
        found = find_images(directory.absolute())
        classes = tuple(found[TRAIN])
        parts = {}
        for part, images in found.items():
            paths = np.array([os.fspath(p) for group in images.values() for p in group])
            sizes = [len(group) for group in images.values()]
            label = np.repeat(np.arange(len(classes)), sizes)
            parts[part] = ImageStream(paths, label, self.side, self.resize, self.workers)
        val = parts[VALIDATION]
        return StreamedSplits(parts[TRAIN], val, parts.get(TEST, val), classes)


@lru_cache(maxsize=2)
def find_images(directory: Path) -> dict[str, dict[str, list[str]]]:
    """The paths of all images by set and class, in the order of their names.

    Raises:
        MissingData: There is no folder for training or validation with folders of classes.
        DataError: A class has no images, or the sets have different classes.
    """
    for part in (TRAIN, VALIDATION):
        if not _folders(directory / part):
            loose = next(iter(_images(directory / part)), None)
            said = f"; {loose} is in no folder of a class" if loose else ""
            raise MissingData(f"{directory / part}: no folders of classes{said}\n{HINT}")
    parts = [part for part in (TRAIN, VALIDATION, TEST) if _folders(directory / part)]
    found = {
        part: {folder.name: _images(folder) for folder in _folders(directory / part)}
        for part in parts
    }
    for part, classes in found.items():
        if empty := [name for name, images in classes.items() if not images]:
            raise DataError(
                f"{directory / part}: no images in {_listed(empty)}\n"
                f"  expected: files that end in {', '.join(ENDINGS)}"
            )
        _compare(directory, found[TRAIN], part, classes)
    if len(found[TRAIN]) < 2:
        raise DataError(f"{directory / TRAIN}: one class only, '{next(iter(found[TRAIN]))}'")
    return found


def _compare(
    directory: Path, train: dict[str, list[str]], part: str, other: dict[str, list[str]]
) -> None:
    without = [name for name in train if name not in other]
    more = [name for name in other if name not in train]
    if without or more:
        said = [f"{directory / part} has no {_listed(without)}"] if without else []
        said += [f"{directory / TRAIN} has no {_listed(more)}"] if more else []
        raise DataError(f"the classes of '{TRAIN}' and '{part}' differ: {'; '.join(said)}")


def _folders(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    entries = (entry for entry in os.scandir(directory) if entry.is_dir())
    return sorted(Path(e.path) for e in entries if not e.name.startswith("."))


def _images(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    names = (entry for entry in os.scandir(directory) if not entry.name.startswith("."))
    return sorted(entry.path for entry in names if entry.name.lower().endswith(ENDINGS))


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + rest
