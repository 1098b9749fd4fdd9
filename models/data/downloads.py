"""Files fetched once into a cache, checked against their published sums."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from lossc.models.errors import DataError

DATA_VARIABLE = "LOSSC_DATA"
CACHE_VARIABLE = "LOSSC_CACHE"
TIMEOUT = 30.0  # seconds without an answer
CHUNK = 1 << 18  # bytes


def data_folder(directory: Path | None) -> Path | None:
    """The user's folder: the given one, else that in ``LOSSC_DATA``; ``None`` without either."""
    if directory is None and os.environ.get(DATA_VARIABLE):
        return Path(os.environ[DATA_VARIABLE])
    return directory


def cache_folder(name: str) -> Path:
    """The folder that downloads of a data set go to."""
    import pooch

    root = os.environ.get(CACHE_VARIABLE)
    return (Path(root) if root else Path(pooch.os_cache("lossc"))) / name


def download(title: str, base: str, name: str, md5: str, folder: Path, hint: str) -> Path:
    """A file of a data set, from the cache or from its address.

    A download that was broken off goes on where it stopped, if the server can do so.

    Args:
        title: Of the data set, as messages name it.
        base: The address of the folder that has the file.
        name: Of the file.
        md5: Its sum.
        folder: Where it is kept.
        hint: What to do without a network.

    Raises:
        DataError: There is no answer, or the file is another one.
    """
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            url=f"{base.rstrip('/')}/{name}",
            known_hash=f"md5:{md5}",
            fname=name,
            path=folder,
            downloader=_Resuming(folder / f"{name}.part"),
        )
    except ValueError as error:  # the checksum; the file is not kept
        raise DataError(
            f"{title}: {base} sent another {name} than the original (md5 {md5} expected): {error}"
        ) from None
    except (RequestException, OSError) as error:
        raise DataError(
            f"{title}: {name} could not be downloaded from {base} ({type(error).__name__})\n"
            f"  hint: {hint}"
        ) from None
    return Path(path)


class _Resuming:
    """Downloads for pooch that keep what came before they were broken off.

    Args:
        partial: Holds it.
    """

    def __init__(self, partial: Path):
        self._partial = partial

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        have = self._partial.stat().st_size if self._partial.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if not (have and answer.status_code == requests.codes.range_not_satisfiable):
                answer.raise_for_status()
                goes_on = answer.status_code == requests.codes.partial_content
                with self._partial.open("ab" if goes_on else "wb") as file:
                    for chunk in answer.iter_content(CHUNK):
                        file.write(chunk)
        os.replace(self._partial, output_file)  # its sum is checked there, all there was or not
