"""Folders in which specs are found by name: those that the user named, and nothing around them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from lossc.grammar.errors import Diagnostic, SpecError

#: One folder, or several in the order in which they are searched.
Folders: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: More folders, separated as in ``PATH``; they are searched after those that a caller names.
VARIABLE = "LOSSC_SPECS"
#: Where two files differ in their ending alone, the first ending wins.
ENDINGS = (".lossc", ".yaml", ".yml")


def search_path(given: Folders = ()) -> tuple[Path, ...]:
    """The folders to search: the given ones, then those of the variable ``LOSSC_SPECS``.

    A folder that is missing is an error: without it a name would quietly mean another spec.

    Raises:
        SpecError: One of them is not a folder.
    """
    named = [given] if isinstance(given, str | os.PathLike) else list(given)
    if "" in named:  # a variable that was not set; the current folder is called "."
        raise SpecError(Diagnostic(None, "file-missing", "is not a folder", file="<empty>"))
    folders = [(Path(folder), "is not a folder") for folder in named]
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        if entry:
            folders.append((Path(entry), f"is not a folder ({VARIABLE} names it)"))
    found: dict[Path, None] = {}
    for folder, complaint in folders:
        if "\0" in str(folder) or not folder.is_dir():
            raise SpecError(Diagnostic(None, "file-missing", complaint, file=str(folder)))
        found.setdefault(folder)
    return tuple(found)


def specs_in(folder: Path) -> dict[str, Path]:
    """The spec files of a folder by name; what cannot be listed holds none."""
    try:
        files = sorted(folder.iterdir(), key=lambda file: file.name)
    except OSError:
        return {}
    found: dict[str, Path] = {}
    for ending in ENDINGS:
        for file in files:
            if file.suffix == ending and file.is_file():
                found.setdefault(file.stem, file)
    return found


def find_in(folder: Path, name: str) -> Path | None:
    """The file of the spec of that name; upper and lower case differ on every system.

    Raises:
        SpecError: The file is a link that leads out of the folder.
    """
    file = specs_in(folder).get(name)
    if file is not None and not file.resolve().is_relative_to(folder.resolve()):
        message = "this is a link that leads out of its folder"
        raise SpecError(Diagnostic(None, "file-missing", message, file=str(file)))
    return file
