"""Where CIFAR's files are: in a folder, in an archive, or downloaded into the cache."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lossc.models.data.downloads import DATA_VARIABLE, cache_folder, data_folder, download
from lossc.models.errors import DataError, MissingData

URL_VARIABLE = "LOSSC_CIFAR_URL"
URL = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Distribution:
    """One of the two sets, as its author gives it away.

    Args:
        title: Its name.
        archive: The packed file.
        md5: Its sum.
        pattern: What archives of parts of it may be called.
        folder: In the archive, and where it was unpacked.
        train: The files of the training images, in order.
        test: That of the test images.
        labels: The key of the labels in them.
        classes: How many there are.
    """

    title: str
    archive: str
    md5: str
    pattern: str
    folder: str
    train: tuple[str, ...]
    test: str
    labels: str
    classes: int

    @property
    def files(self) -> tuple[str, ...]:
        """All that is read."""
        return (*self.train, self.test)


CIFAR10 = Distribution(
    title="CIFAR-10",
    archive="cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    pattern="cifar-10-*.tar.gz",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    labels="labels",
    classes=10,
)

CIFAR100 = Distribution(
    title="CIFAR-100",
    archive="cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    pattern="cifar-100-*.tar.gz",
    folder="cifar-100-python",
    train=("train",),
    test="test",
    labels="fine_labels",
    classes=100,
)

#: Other forms of the same sets, which we do not read.
OTHERS = ("binary", "matlab")


def cifar_files(source: Distribution, directory: Path | None) -> Iterator[tuple[str, str, bytes]]:
    """Each file of a set once: its name, what messages call it, and its content.

    Args:
        source: Which set.
        directory: A folder with the files, with the folder that the archive has, or with the
            archive; or the archive itself. ``None``: the folder in ``LOSSC_DATA``, and without one
            the cache (``LOSSC_CACHE``, else the user's), into which the archive is downloaded.

    Raises:
        DataError: A file is missing or cannot be read, or the download failed.
    """
    place = find_cifar(source, directory)
    return _unpacked(source, place) if place.is_dir() else _packed(source, place)


def find_cifar(source: Distribution, directory: Path | None) -> Path:
    """The folder of a set's files, or its archive; see :func:`cifar_files`.

    Raises:
        DataError: There is neither; says what to put where.
    """
    directory = data_folder(directory)
    if directory is None:
        return _fetch(source)
    if directory.is_file():
        return directory
    folders = [directory, directory / source.folder]
    for folder in folders:
        if any((folder / name).is_file() for name in source.files):
            return folder
    archives = [
        directory / source.archive,
        *sorted(
            path
            for path in directory.glob(source.pattern)
            if not any(other in path.name for other in OTHERS)
        ),
    ]
    found = next((path for path in archives if path.is_file()), None)
    if found is None:
        searched = ", ".join(str(folder) for folder in folders)
        raise MissingData(
            f"{source.title}: not found\n  searched: {searched}, and {directory} for an archive\n"
            f"  hint: put {source.archive} into {directory}, or its files {', '.join(source.files)}"
        )
    return found


def _unpacked(source: Distribution, folder: Path) -> Iterator[tuple[str, str, bytes]]:
    missing = [name for name in source.files if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{source.title}: {folder} has no {', '.join(missing)}")
    for name in source.files:
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{folder / name}: cannot be read ({error.strerror})") from None
        yield name, str(folder / name), content


def _packed(source: Distribution, archive: Path) -> Iterator[tuple[str, str, bytes]]:
    missing = list(source.files)
    try:
        with tarfile.open(archive, "r|*") as members:  # read once, from front to back
            for member in members:
                path = PurePosixPath(member.name)
                if path.parent.name != source.folder or path.name not in missing:
                    continue
                file = members.extractfile(member)
                if file is None:
                    continue
                missing.remove(path.name)
                yield path.name, f"{archive}: {path.name}", file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{archive}: not a sound archive ({error}); fetch it again") from None
    if missing:
        raise DataError(f"{archive}: has no {source.folder}/{', '.join(missing)}")


def _fetch(source: Distribution) -> Path:
    folder = cache_folder("cifar")
    hint = (
        f"put {source.archive} into a folder and name it with --data DIR or {DATA_VARIABLE}, or "
        f"put it into {folder}"
    )
    base = os.environ.get(URL_VARIABLE) or URL
    return download(source.title, base, source.archive, source.md5, folder, hint)
