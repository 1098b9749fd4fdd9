"""The IDX file format of MNIST, read strictly."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lossc.models.errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file.

    An IDX file is two zero bytes, the element's type, the number of dims, each dim's size as a
    big-endian 32-bit integer, then the elements in row-major order.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.

    Args:
        path: The file; read through gzip where the name ends in ``.gz``.
        dims: How many dims it must have: 3 for images, 1 for labels.

    Returns:
        ``uint8`` with ``dims`` dims.

    Raises:
        DataError: The file cannot be read, is cut off, or is no such IDX file; says which.
    """
    content = _content(path)
    header = 4 + 4 * dims
    magic, expected = int.from_bytes(content[:4], "big"), (_UNSIGNED_BYTE << 8) + dims
    if len(content) >= 4 and magic != expected:
        raise DataError(
            f"{path}: magic number {magic}, expected {expected} (unsigned bytes, {dims} dims)"
        )
    if len(content) < header:
        raise DataError(f"{path}: {len(content)} bytes are too few for an IDX header of {header}")
    shape = struct.unpack(f">{dims}I", content[4:header])
    size = math.prod(shape)
    if len(content) - header != size:
        sizes = " x ".join(str(length) for length in shape)
        raise DataError(
            f"{path}: the header announces {sizes} = {size} bytes, "
            f"{len(content) - header} follow it"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            return file.read()
    except EOFError:
        raise DataError(f"{path}: the gzip file is cut off; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a sound gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
