"""Where the four files of MNIST are: in a folder of the user, or downloaded into the cache."""

from __future__ import annotations

import os
from pathlib import Path

from lossc.models.data.downloads import DATA_VARIABLE as DATA_VARIABLE
from lossc.models.data.downloads import cache_folder, data_folder, download
from lossc.models.errors import DataError, MissingData

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

#: md5 sums of the original distribution.
MD5 = {
    TRAIN[0]: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    TRAIN[1]: "d53e105ee54ea40749a09fcbcd1e9432",
    TEST[0]: "9fb629c4189551a2d022fa330f9573f3",
    TEST[1]: "ec29112dd5afa0611ce80d1b7f02629c",
}

URL_VARIABLE = "LOSSC_MNIST_URL"
URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def find_mnist(directory: Path | None = None) -> dict[str, Path]:
    """The path of each of the four files, by its usual name.

    Args:
        directory: Searched, with its ``mnist`` and ``MNIST/raw``; a file may be there with or
            without ``.gz``. ``None``: the folder in ``LOSSC_DATA``, and without one the cache
            (``LOSSC_CACHE``, else the user's), into which missing files are downloaded.

    Raises:
        DataError: Files are missing, or a download failed; says what to put where.
    """
    directory = data_folder(directory)
    if directory is None:
        return {name: _fetch(name) for name in MD5}
    folders = [directory, directory / "mnist", directory / "MNIST" / "raw"]
    found = {name: path for name in MD5 if (path := _in_folders(name, folders)) is not None}
    missing = [name for name in MD5 if name not in found]
    if missing:
        searched = ", ".join(str(folder) for folder in folders)
        kind = DataError if found else MissingData
        raise kind(
            f"MNIST: not found: {', '.join(missing)}\n  searched: {searched}\n"
            f"  hint: put the four files {', '.join(MD5)} into {directory}"
        )
    return found


def _in_folders(name: str, folders: list[Path]) -> Path | None:
    candidates = [folder / name for folder in folders]
    candidates += [folder / name.removesuffix(".gz") for folder in folders]
    return next((path for path in candidates if path.is_file()), None)


def _fetch(name: str) -> Path:
    folder = cache_folder("mnist")
    base = os.environ.get(URL_VARIABLE) or URL
    hint = (
        f"put the four files {', '.join(MD5)} into a folder and name it with "
        f"--data DIR or {DATA_VARIABLE}, or put them into {folder}"
    )
    return download("MNIST", base, name, MD5[name], folder, hint)
