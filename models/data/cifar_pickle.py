"""One file of CIFAR in its "python version": a pickle, read without running anything of it."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossc.models.errors import DataError

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE

#: The only names that the original files have in them; numpy moved the first.
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class _Wrong(Exception):
    """What is wrong with a file, in words."""


def read_batch(
    content: bytes, where: str, labels: str, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images of a file and their labels.

    A pickle is a program, and this one is run without the means to do anything: the three names of
    numpy in it stand for objects that only keep what they are given, and any other name is an
    error. The array is then made from the bytes that were kept.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009): the files
    ``data_batch_1`` to ``5`` and ``test_batch``, or ``train`` and ``test``.

    Args:
        content: Of the file.
        where: Names it in messages.
        labels: The key of the labels.
        classes: How many there are.

    Returns:
        ``uint8[n, 3, 32, 32]``: red, green, blue; and ``int64[n]`` in [0, classes).

    Raises:
        DataError: The file is damaged, is no such file, or a label is no class.
    """
    try:
        entries = _entries(content)
        images = _images(_entry(entries, "data"))
        found = _labels(_entry(entries, labels), classes)
        if len(images) != len(found):
            raise _Wrong(f"{len(images)} images and {len(found)} labels")
    except _Wrong as error:
        raise DataError(f"{where}: {error}") from None
    return images, found


def _entries(content: bytes) -> dict[str, Any]:
    try:
        document = _Reader(io.BytesIO(content), encoding="bytes").load()
    except _Wrong:
        raise
    except Exception as error:  # a damaged pickle may raise whatever there is
        kind = type(error).__name__
        raise _Wrong(f"not a sound pickle ({kind}: {error}); fetch it again") from None
    if not isinstance(document, dict):
        raise _Wrong(f"a dictionary was expected, not {type(document).__name__}")
    return {
        key.decode("latin1") if isinstance(key, bytes) else key: value
        for key, value in document.items()
        if isinstance(key, bytes | str)
    }


def _entry(entries: dict[str, Any], key: str) -> Any:
    if key not in entries:
        raise _Wrong(f"no entry '{key}', only {', '.join(map(repr, sorted(entries))) or 'none'}")
    return entries[key]


def _images(array: Any) -> NDArray[np.uint8]:
    match array:
        case _Kept(
            name="_reconstruct",
            state=(
                int(),
                (int(count), int(width)),
                _Kept(name="dtype", arguments=(b"u1" | "u1", *_)),
                False | 0,
                bytes(pixels),
            ),
        ):
            pass
        case _:
            raise _Wrong(f"'data' is no array of bytes [n, {PIXELS}] in row-major order")
    if width != PIXELS or count < 1:
        raise _Wrong(f"'data' is [{count}, {width}], expected [n, {PIXELS}] with n at least 1")
    if len(pixels) != count * width:
        raise _Wrong(f"'data' has {len(pixels)} bytes, expected {count} x {width}; fetch it again")
    return np.frombuffer(pixels, np.uint8).reshape(count, CHANNELS, SIDE, SIDE)


def _labels(labels: Any, classes: int) -> NDArray[np.int64]:
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise _Wrong("the labels are no list of integers")
    for at, label in enumerate(labels):
        if not 0 <= label < classes:
            raise _Wrong(f"label {label} at position {at}, expected 0 to {classes - 1}")
    return np.array(labels, np.int64)


class _Kept:
    """What a call would have made: the call, and the state it was given afterwards."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]):
        self.name = name
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Name:
    """In place of a function or type of numpy; one for every mention, so that none is shared."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *arguments: Any) -> _Kept:
        return _Kept(self.name, arguments)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise _Wrong(f"names {module}.{name}, which no CIFAR file does: it is not read")
        return _Name(name)
