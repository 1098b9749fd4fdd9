"""Writing output files: all or nothing, and nothing that was not asked for."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import typer


def check_writable(path: Path, suffixes: tuple[str, ...], option: str) -> None:
    """Refuse a path that could not, or should not, be written, before any work is done.

    Args:
        path: Where the output shall go.
        suffixes: The endings it may have: a mistyped command must not overwrite a spec.
        option: The option that named it, for the message.

    Raises:
        typer.BadParameter: It is a folder, lies in no folder, or has another ending.
    """
    problem = None
    if path.is_dir():
        problem = f"'{path}' is a folder"
    elif is_device(path):
        return
    elif path.suffix.lower() not in suffixes:
        problem = f"'{path}' does not end in {' or '.join(suffixes)}"
    elif not path.parent.exists():
        problem = f"there is no folder '{path.parent}'"
    elif not path.parent.is_dir():
        problem = f"'{path.parent}' is not a folder"
    elif not os.access(path.parent, os.W_OK):
        problem = f"the folder '{path.parent}' cannot be written to"
    if problem is not None:
        raise typer.BadParameter(problem, param_hint=option)


def write_atomically(path: Path, text: str | bytes) -> None:
    """Write ``text`` to ``path``: whatever happens, it holds the old text or the new one.

    Raises:
        OSError: The file could not be written; an existing one is as it was.
    """
    data = text.encode() if isinstance(text, str) else text
    if is_device(path):
        path.write_bytes(data)
        return
    path = path.resolve()  # through a link, so that the link stays one
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_device(path: Path) -> bool:
    """Whether ``path`` exists and is neither file nor folder: ``/dev/null``, a pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, else those of a new one."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
