"""One process at a time at a run: two would write over each other's checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lossc.models.distributed import World, on_first
from lossc.models.errors import TrainingError


@contextmanager
def alone_in(folder: Path, world: World) -> Iterator[None]:
    """Keep other processes out of a run's folder; the system lets go of it if this one dies.

    Args:
        folder: Made where it is missing.
        world: The processes that make the run together: the first holds the folder for all.

    Raises:
        TrainingError: Another process is at the run.
    """
    held = on_first(lambda: _held(folder))
    try:
        yield
    finally:
        if held is not None and world.rank == 0:
            os.close(held)


def _held(folder: Path) -> int | None:
    """A descriptor of the locked folder; ``None`` where the system has no such locks."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise TrainingError(f"{folder}: another process is at this run") from None
    except OSError:  # some network drives
        os.close(descriptor)
        return None
    return descriptor
