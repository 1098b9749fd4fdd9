"""Images that are read from disk when they are wanted, by processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_all_start_methods
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lossc.models.cores import available_cores
from lossc.models.data.split import Split
from lossc.models.errors import DataError

MOST_WORKERS = 16
FEW = 2000  # images that one process reads in about the time that others take to start

#: Numbers of images, and a seed for their crops. ``None``: the middle of each.
Request = tuple[tuple[int, ...], int | None]


class ImageStream:
    """Labelled image files, as :class:`~lossc.models.data.split.Examples`.

    To train on, a random square is cut out of the resized image, and mirrored half the time: which,
    follows from the seed of the epoch and the number of the image alone. To test on, it is the
    square in the middle. Features are ``uint8[n, 3, side, side]``, the target is ``label``.

    Args:
        paths: Of the images.
        label: Of each, ``int64[n]``.
        side: Of the squares, in pixels.
        resize: Pixels of an image's shorter side before.
        workers: Processes that read. ``None``: a core each, and none for few images.
        device: Where the batches go.
    """

    def __init__(
        self,
        paths: NDArray[np.str_],
        label: NDArray[np.int64],
        side: int,
        resize: int,
        workers: int | None = None,
        device: torch.device | None = None,
    ):
        self.paths = paths
        self.label = label
        self.side = side
        self.resize = resize
        self.workers = workers
        self.device = device or torch.device("cpu")
        self.targets: Mapping[str, Tensor] = {"label": torch.from_numpy(label).to(self.device)}
        self._requests: list[Request] = []
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def first(self, count: int) -> ImageStream:
        """``count`` images from all classes, evenly, since their order is that of the classes."""
        if count >= len(self):
            return self
        kept = np.arange(count) * len(self) // count
        return self._like(self.paths[kept], self.label[kept], self.device)

    def to(self, device: torch.device) -> ImageStream:
        """The same images, whose batches go to ``device``; itself where they go there already."""
        return self if device == self.device else self._like(self.paths, self.label, device)

    def drawn(self, batches: Sequence[Tensor], seed: int) -> Iterator[Split]:
        """Random squares of the images with these numbers."""
        return self._read([(tuple(index.tolist()), seed) for index in batches])

    def in_order(self, batch: int) -> Iterator[Split]:
        """The middle of every image, in order."""
        starts = range(0, len(self), batch)
        return self._read(
            [(tuple(range(start, min(start + batch, len(self)))), None) for start in starts]
        )

    def _like(
        self, paths: NDArray[np.str_], label: NDArray[np.int64], device: torch.device
    ) -> ImageStream:
        return ImageStream(paths, label, self.side, self.resize, self.workers, device)

    def _read(self, requests: list[Request]) -> Iterator[Split]:
        """Raises DataError at the first image that cannot be read."""
        if self._loader is None:
            self._loader = self._started()
        self._requests[:] = requests  # the loader, and its processes, are used again and again
        for index, images in zip(self._numbers(requests), self._loader, strict=True):
            if isinstance(images, str):
                raise DataError(images)
            features = images.to(self.device, non_blocking=True)
            yield Split(features, {"label": self.targets["label"][index.to(self.device)]})

    def _numbers(self, requests: list[Request]) -> Iterator[Tensor]:
        return (torch.tensor(numbers) for numbers, _ in requests)

    def _started(self) -> DataLoader[Any]:
        workers = self.workers
        if workers is None:
            few = len(self) <= FEW
            workers = 0 if few else min(available_cores(), MOST_WORKERS)
        return DataLoader(
            Squares(self.paths, self.side, self.resize),
            batch_size=None,  # a request is a whole batch
            sampler=self._requests,
            num_workers=workers,
            multiprocessing_context=_starter() if workers else None,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # torch's own is for the run
        )


def _starter() -> str:
    # fork is unsafe once torch has threads; a server that forks has none, and its processes end
    # without torch's clean-up, which may abort in those of spawn
    return "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


class Squares(Dataset[Tensor | str]):
    """Batches of squares by request; what is wrong with an image comes as a text."""

    def __init__(self, paths: NDArray[np.str_], side: int, resize: int):
        self._paths = paths
        self._side = side
        self._resize = resize

    def __getitem__(self, request: Request) -> Tensor | str:
        numbers, seed = request
        images = np.empty((len(numbers), 3, self._side, self._side), np.uint8)
        for row, number in enumerate(numbers):
            draw = None if seed is None else np.random.default_rng((seed, number))
            path = str(self._paths[number])
            try:
                images[row] = square(path, self._side, self._resize, draw)
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                return f"{path}: cannot be read as an image: {error}"
        return torch.from_numpy(images)


def square(
    path: str, side: int, resize: int, draw: np.random.Generator | None
) -> NDArray[np.uint8]:
    """A square of an image: ``uint8[3, side, side]``.

    The image is scaled to a shorter side of ``resize`` pixels; what is not cut out of it is not
    computed. A JPEG file may be decoded at a half, a quarter or an eighth of its size, where that
    is no smaller.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
    Networks (NIPS 2012), section 4.1.

    Args:
        path: Of the image, whatever its colours.
        side: Of the square in the scaled image.
        resize: Shorter side of the scaled image.
        draw: Says where the square is, and whether it is mirrored. ``None``: in the middle.
    """
    with Image.open(path) as image:
        image.draft("RGB", (resize, resize))
        colour = image.convert("RGB")
    scale = min(colour.size) / resize
    width, height = (max(round(length / scale), resize) for length in colour.size)
    if draw is None:
        left, top, mirrored = (width - side) // 2, (height - side) // 2, False
    else:
        left = int(draw.integers(width - side + 1))
        top = int(draw.integers(height - side + 1))
        mirrored = bool(draw.integers(2))
    across, down = colour.width / width, colour.height / height
    box = (left * across, top * down, (left + side) * across, (top + side) * down)
    cut = np.asarray(colour.resize((side, side), Image.Resampling.BILINEAR, box=box))
    cut = cut[:, ::-1] if mirrored else cut
    return cut.transpose(2, 0, 1)
