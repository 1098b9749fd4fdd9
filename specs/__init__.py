"""The bundled specs: one file each, shipped as package data."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
_ENDINGS = (".lossc", ".yaml")


def names() -> tuple[str, ...]:
    """The names of all bundled specs, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.iterdir() if file.suffix in _ENDINGS))


def path(name: str) -> Path:
    """The file of a bundled spec.

    Raises:
        KeyError: There is no such spec.
    """
    if name not in names():
        raise KeyError(name)
    return next(file for ending in _ENDINGS if (file := _FOLDER / f"{name}{ending}").is_file())
