"""MATLAB files, as annotations of older data sets come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lossc.models.errors import DataError


def read_matlab(path: Path, name: str, *, squeeze: bool = False) -> Any:
    """One variable of a MATLAB file up to version 7.

    Args:
        path: The file.
        name: The variable.
        squeeze: Drop sides of length 1, which MATLAB gives to everything.

    Returns:
        An array; a struct has its fields as attributes.

    Raises:
        DataError: The file is damaged, of version 7.3, or lacks the variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, struct_as_record=False, squeeze_me=squeeze)
    except NotImplementedError:
        raise DataError(f"{path}: a MATLAB file of version 7.3; save it with '-v7'") from None
    except Exception as error:  # a damaged file gives errors of every kind
        raise DataError(f"{path}: cannot be read as a MATLAB file: {error}") from None
    if name not in content:
        found = ", ".join(key for key in content if not key.startswith("__"))
        raise DataError(f"{path}: has no variable '{name}', but: {found or 'none'}")
    return content[name]
