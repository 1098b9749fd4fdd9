"""Lightning's notes about itself, which say nothing to somebody who trains a bundled task."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import WARNING, getLogger

#: The beginnings of warnings that are known and harmless, as regular expressions.
NOISE = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning with torch >= 2.9
    r"`broadcast_buffers` is deprecated",  # torch >= 2.13; its new name is unknown to older ones
    r"It is recommended to use `self\.log\(.*sync_dist=True",  # figures are those of all processes
)


@contextmanager
def quiet(altogether: bool = False) -> Iterator[None]:
    """Without Lightning's notes and the warnings in :data:`NOISE`; any other goes through.

    Args:
        altogether: Without any warning: another process gives the same.
    """
    logger = getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(WARNING)
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            if altogether:
                warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
