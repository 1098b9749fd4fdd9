"""Where the four files of MNIST are: in a folder of the user, or downloaded into the cache."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from lossc.models.errors import DataError

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

#: md5 sums of the original distribution.
MD5 = {
    TRAIN[0]: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    TRAIN[1]: "d53e105ee54ea40749a09fcbcd1e9432",
    TEST[0]: "9fb629c4189551a2d022fa330f9573f3",
    TEST[1]: "ec29112dd5afa0611ce80d1b7f02629c",
}

DATA_VARIABLE = "LOSSC_DATA"
CACHE_VARIABLE = "LOSSC_CACHE"
URL_VARIABLE = "LOSSC_MNIST_URL"
URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
TIMEOUT = 30.0  # seconds without an answer


def find_mnist(directory: Path | None = None) -> dict[str, Path]:
    """The path of each of the four files, by its usual name.

    Args:
        directory: Searched, with its ``mnist`` and ``MNIST/raw``; a file may be there with or
            without ``.gz``. ``None``: the folder in ``LOSSC_DATA``, and without one the cache
            (``LOSSC_CACHE``, else the user's), into which missing files are downloaded.

    Raises:
        DataError: Files are missing, or a download failed; says what to put where.
    """
    if directory is None and os.environ.get(DATA_VARIABLE):
        directory = Path(os.environ[DATA_VARIABLE])
    if directory is None:
        return {name: _fetch(name) for name in MD5}
    folders = [directory, directory / "mnist", directory / "MNIST" / "raw"]
    found = {name: path for name in MD5 if (path := _in_folders(name, folders)) is not None}
    missing = [name for name in MD5 if name not in found]
    if missing:
        searched = ", ".join(str(folder) for folder in folders)
        raise DataError(
            f"MNIST: not found: {', '.join(missing)}\n  searched: {searched}\n"
            f"  hint: put the four files {', '.join(MD5)} into {directory}"
        )
    return found


def cache_folder() -> Path:
    """The folder that downloads go to."""
    import pooch

    root = os.environ.get(CACHE_VARIABLE)
    return (Path(root) if root else Path(pooch.os_cache("lossc"))) / "mnist"


def _in_folders(name: str, folders: list[Path]) -> Path | None:
    candidates = [folder / name for folder in folders]
    candidates += [folder / name.removesuffix(".gz") for folder in folders]
    return next((path for path in candidates if path.is_file()), None)


def _fetch(name: str) -> Path:
    import pooch
    from requests.exceptions import RequestException

    base = os.environ.get(URL_VARIABLE) or URL
    folder = cache_folder()
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            url=f"{base.rstrip('/')}/{name}",
            known_hash=f"md5:{MD5[name]}",
            fname=name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )
    except ValueError as error:  # the checksum; the file is not kept
        raise DataError(
            f"MNIST: {base} sent another {name} than the original "
            f"(md5 {MD5[name]} expected): {error}"
        ) from None
    except (RequestException, OSError) as error:
        raise DataError(
            f"MNIST: {name} could not be downloaded from {base} ({type(error).__name__})\n"
            f"  hint: put the four files {', '.join(MD5)} into a folder and name it with "
            f"--data DIR or {DATA_VARIABLE}, or put them into {folder}"
        ) from None
    return Path(path)
